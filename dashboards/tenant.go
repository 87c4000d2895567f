package dashboards

// Tenant is the drill-down into one tenant.
func Tenant() Board {
	return Board{
		UID: "tollkeeper-tenant", Title: "Tenant", From: "now-1h", Refresh: "10s",
		Description: "One tenant: what it spends on which models, services and users, how fast, and its most expensive calls. UTC.",
		Tags:        []string{"tollkeeper", "tenant"},
		Variables:   []Variable{{Name: "tenant", Label: "Tenant", Query: "tenant/tenants"}},
		Annotations: []Annotation{{Name: "Alerts and throttles", Query: "tenant/events_annotation", Color: "orange"}},
		Rows: []Row{
			{Title: "Now", Panels: []Panel{
				{Title: "Spend in the chosen range", Kind: Stat, Query: "tenant/total", Unit: Text, Width: 6, Height: 4,
					Description: "Sum of this tenant's calls in the range. \"at least\" means that some calls have no price."},
				{Title: "Month to date", Kind: Stat, Query: "tenant/month_to_date", Unit: Text, Width: 6, Height: 4,
					Description: "From the first of this month, 00:00 UTC, until now."},
				{Title: "Calls", Kind: Stat, Query: "tenant/calls", Unit: Count, Width: 6, Height: 4,
					Description: "Calls in the range, failed ones included."},
				{Title: "Failed calls", Kind: Stat, Query: "tenant/error_share", Unit: Percent, Width: 6, Height: 4, Bad: from(5),
					Description: "Calls that ended with an error, as a share of all calls in the range."},
			}},
			{Title: "Over time", Panels: []Panel{
				{Title: "Spend by model", Kind: TimeSeries, Query: "tenant/by_model_over_time", Unit: USD, Width: 12, Height: 9, Stacked: true,
					Description: "US dollars per step, stacked."},
				{Title: "Tokens", Kind: TimeSeries, Query: "tenant/tokens_over_time", Unit: Count, Width: 12, Height: 9, Stacked: true,
					Description: "Tokens per step by disjoint bucket; the buckets add up to all tokens."},
				{Title: "Calls and errors", Kind: TimeSeries, Query: "tenant/calls_over_time", Unit: PerSec, Width: 12, Height: 8,
					Description: "Calls a second: answered, failed, and refused for rate."},
				{Title: "Latency", Kind: TimeSeries, Query: "tenant/latency_over_time", Unit: Seconds, Width: 12, Height: 8,
					Description: "p50, p95 and p99 of the duration of calls in each step, exact, from the calls themselves."},
			}},
			{Title: "What it is spent on", Panels: []Panel{
				{Title: "Models", Kind: Table, Query: "tenant/models", Width: 12, Height: 8,
					Description: "Spend by model and operation.",
					Columns:     map[string]Unit{"spend": USD, "share": Percent, "calls": Count, "unpriced calls": Count, "per 1,000 calls": USD},
					SumColumns:  []string{"spend", "calls"}},
				{Title: "Services", Kind: Table, Query: "tenant/services", Width: 12, Height: 8,
					Description: "Spend by service and environment.",
					Columns:     map[string]Unit{"spend": USD, "share": Percent, "calls": Count, "unpriced calls": Count}, SumColumns: []string{"spend", "calls"}},
				{Title: "Teams, users, agents", Kind: Table, Query: "tenant/people", Width: 12, Height: 8,
					Description: "Spend by team, user, agent and feature as the spans name them, 50 largest, of the last day of the range at most.",
					Columns:     map[string]Unit{"spend": USD, "calls": Count, "unpriced calls": Count}},
				{Title: "Most expensive calls", Kind: Table, Query: "tenant/top_calls", Width: 12, Height: 8,
					Description: "The 50 most expensive calls of the last day of the range at most, with their trace.",
					Columns:     map[string]Unit{"cost": USD, "at": DateTime, "seconds": Seconds}},
			}},
			{Title: "Alerts and throttles", Panels: []Panel{
				{Title: "Alerts and throttles", Kind: Table, Query: "tenant/events", Width: 24, Height: 7, MayBeEmpty: true,
					Description: "What fired for this tenant, what was done about it, newest first.", Columns: map[string]Unit{"at": DateTime}},
			}},
		},
	}
}
