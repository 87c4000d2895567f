package dashboards

var traceLink = Link{Column: "trace", Board: "tollkeeper-trace", Variable: "trace", Value: "trace"}

// Tenant is the drill-down into one tenant.
func Tenant() Board {
	return Board{
		UID: "tollkeeper-tenant", Title: "Tenant", From: "now-1h", Refresh: "10s", OwnRows: true,
		Description: "One tenant: what it spends on which models, services and users, how fast, and its most expensive calls. US dollars, UTC.",
		Tags:        []string{"tollkeeper", "tenant"},
		Variables:   []Variable{{Name: "tenant", Label: "Tenant", Query: "tenant/tenants"}},
		Annotations: []Annotation{{Name: "Alerts and throttles", Query: "tenant/events_annotation", Color: "orange"}},
		Rows:        []Row{tenantNow(), tenantOverTime(), tenantWhat(), tenantWho(), tenantDearest(), tenantMonths()},
	}
}

func tenantNow() Row {
	return Row{Title: "Now", Panels: []Panel{
		{Title: "Spend in the chosen range", Kind: Stat, Query: "tenant/total", Unit: Text, Width: 6, Height: 4,
			Description: "Sum of this tenant's calls in the range, in US dollars." + atLeast},
		{Title: "Calls", Kind: Stat, Query: "tenant/calls", Unit: Count, Width: 4, Height: 4,
			Description: "Calls in the range, failed ones included."},
		{Title: "Per 1,000 calls", Kind: Stat, Query: "tenant/unit_cost", Unit: USD, Width: 4, Height: 4,
			Description: "Spend of the range over its calls, times a thousand. Unpriced calls count as zero in it."},
		{Title: "Failed calls", Kind: Stat, Query: "tenant/error_share", Unit: Percent, Width: 4, Height: 4, Bad: from(5),
			Description: "Calls that ended with an error, as a share of all calls in the range."},
		{Title: "Saved by prompt caches", Kind: Stat, Query: "tenant/cache_saved", Unit: USD, Width: 6, Height: 4,
			Description: "What the same tokens of the range would have cost without a cache, minus what they cost."},
		{Title: "Month to date", Kind: Stat, Query: "tenant/month_to_date", Unit: Text, Width: 4, Height: 4,
			Description: "From the first of this month, 00:00 UTC, until now." + atLeast},
		{Title: "Last month, same time", Kind: Stat, Query: "tenant/last_month_same_time", Unit: Text, Width: 4, Height: 4,
			Description: "Last month up to the same time of the month as now, UTC." + atLeast},
		{Title: "Forecast of this month", Kind: Stat, Query: "tenant/forecast", Unit: Text, Width: 6, Height: 4,
			Description: "What this month comes to at its end, UTC, as the alerts foresee it; the band is how far the same forecast was off in earlier weeks." + atLeast},
		{Title: "Budget of this month", Kind: Stat, Query: "tenant/budget", Unit: Text, Width: 5, Height: 4,
			Description: "This month's spend as a share of the tenant's monthly budgets, in the budget's or tenant's time zone (UTC if there is none)." + atLeast},
		{Title: "Budget lasts", Kind: Stat, Query: "tenant/days_left", Unit: Text, Width: 5, Height: 4,
			Description: "What is left of the monthly budgets, in their own time zone (UTC if there is none), at the rate of the last seven days." + atMost},
	}}
}

func tenantOverTime() Row {
	return Row{Title: "Over time", Panels: []Panel{
		{Title: "Spend by model", Kind: TimeSeries, Query: "tenant/by_model_over_time", Unit: USD, Width: 12, Height: 9, Stacked: true,
			Description: "US dollars per step, stacked. Steps begin in UTC."},
		{Title: "Tokens", Kind: TimeSeries, Query: "tenant/tokens_over_time", Unit: Count, Width: 12, Height: 9, Stacked: true,
			Description: "Tokens per step by disjoint bucket; the buckets add up to all tokens."},
		{Title: "Calls and errors", Kind: TimeSeries, Query: "tenant/calls_over_time", Unit: PerSec, Width: 12, Height: 8,
			Description: "Calls a second: answered, failed, and refused for rate."},
		{Title: "Latency", Kind: TimeSeries, Query: "tenant/latency_over_time", Unit: Seconds, Width: 12, Height: 8,
			Description: "p50, p95 and p99 of the duration of calls in each step, from counts in buckets a quarter of a doubling wide."},
	}}
}

func tenantWhat() Row {
	return Row{Title: "What it is spent on", Panels: []Panel{
		{Title: "Models", Kind: Table, Query: "tenant/models", Width: 14, Height: 8,
			Description: "Spend of the range by model and operation.",
			Columns:     map[string]Unit{"spend": USD, "share": Percent, "calls": Count, "unpriced": Count, "per 1,000 calls": USD},
			SumColumns:  []string{"spend", "calls", "unpriced"}},
		{Title: "Services", Kind: Table, Query: "tenant/services", Width: 10, Height: 8,
			Description: "Spend of the range by service and environment.",
			Columns:     map[string]Unit{"spend": USD, "share": Percent, "calls": Count, "unpriced": Count}, SumColumns: []string{"spend", "calls", "unpriced"}},
	}}
}

// tenantWho is a table per dimension of cost_hour_by.
func tenantWho() Row {
	row := Row{Title: "Who spends it, by whole hours"}
	for _, d := range []struct{ dimension, title string }{
		{"team", "Teams"}, {"key", "Keys"}, {"user", "Users"}, {"agent", "Agents"}, {"feature", "Features"}, {"prompt", "Prompt versions"},
	} {
		row.Panels = append(row.Panels, Panel{Title: d.title, Kind: Table, Query: "tenant/by_dimension=" + d.dimension, Width: 12, Height: 7, MayBeEmpty: true,
			Description: "Spend by " + d.dimension + " as the spans name it, from the whole hour, UTC, in which the range begins; the hundred dearest, the rest as \"other\". Each table adds up to the tenant's spend of these hours.",
			Columns:     map[string]Unit{"spend": USD, "share": Percent, "calls": Count, "errors %": Percent, "input tokens": Count, "output tokens": Count, "per 1,000 calls": USD},
			SumColumns:  []string{"spend", "calls", "input tokens", "output tokens"}})
	}
	return row
}

func tenantDearest() Row {
	return Row{Title: "The dearest", Panels: []Panel{
		{Title: "Top traces", Kind: Table, Query: "tenant/top_traces", Width: 12, Height: 9, MayBeEmpty: true,
			Description: "The 50 most expensive traces of the last day of the range at most, UTC, this tenant's calls only.",
			Columns:     map[string]Unit{"at": DateTime, "spend": USD, "calls": Count, "models": Count, "tokens": Count, "errors": Count}, Links: []Link{traceLink}},
		{Title: "Most expensive calls", Kind: Table, Query: "tenant/top_calls", Width: 12, Height: 9, MayBeEmpty: true,
			Description: "The 50 most expensive calls of the last day of the range at most, with their trace, UTC.",
			Columns:     map[string]Unit{"cost": USD, "at": DateTime, "seconds": Seconds}, Links: []Link{traceLink}},
	}}
}

func tenantMonths() Row {
	return Row{Title: "Months and what happened", Panels: []Panel{
		{Title: "Months as charged back", Kind: Table, Query: "tenant/months", Width: 24, Height: 7, MayBeEmpty: true,
			Description: "Own spend, adjustments booked in the month, and this tenant's part of shared and reserved cost, UTC. Final: the month is closed. A month in which its cost centre or owner changed has a row for each, with the spend of their own days.",
			Columns:     map[string]Unit{"own": USD, "adjustments": USD, "shared": USD, "reserved": USD, "total": USD, "calls": Count, "as of": DateTime}},
		{Title: "Adjustments", Kind: Table, Query: "tenant/adjustments", Width: 12, Height: 7, MayBeEmpty: true,
			Description: "Booked in the months that the range touches: what came for a month after it was closed. UTC.",
			Columns:     map[string]Unit{"cost": USD, "calls": Count}, SumColumns: []string{"cost", "calls"}},
		{Title: "Alerts and throttles", Kind: Table, Query: "tenant/events", Width: 12, Height: 7, MayBeEmpty: true,
			Description: "What fired for this tenant, what was done about it, newest first, UTC.", Columns: map[string]Unit{"at": DateTime}},
		{Title: "Data quality", Kind: Stat, Query: "tenant/quality", Unit: Text, Width: 24, Height: 4,
			Description: "Calls of the range that have no price, whose numbers contradict themselves, and whose amount is a guess or a lower bound."},
	}}
}
