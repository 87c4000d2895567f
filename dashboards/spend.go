package dashboards

// Spend is finance's board: what was spent in the chosen range and this month, by whom and on what, and how far the
// numbers can be trusted.
func Spend() Board {
	return Board{
		UID: "tollkeeper-spend", Title: "Spend", From: "now-24h", Refresh: "10s",
		Description: "What language models cost, by tenant and by model. US dollars, days and months in UTC.",
		Tags:        []string{"tollkeeper", "finance"},
		Annotations: []Annotation{{Name: "Alerts and throttles", Query: "spend/events_annotation", Color: "orange"}},
		Rows: []Row{
			{Title: "Where we are", Panels: []Panel{
				{Title: "Spend in the chosen range", Kind: Stat, Query: "spend/total", Unit: Text, Width: 5, Height: 4,
					Description: "Sum of all calls whose minute lies in the range, from the rollups. \"at least\" means that some calls have no price."},
				{Title: "Month to date", Kind: Stat, Query: "spend/month_to_date", Unit: Text, Width: 5, Height: 4,
					Description: "From the first of this month, 00:00 UTC, until now; not changed by the chosen range."},
				{Title: "Last month, same time", Kind: Stat, Query: "spend/last_month_same_time", Unit: Text, Width: 5, Height: 4,
					Description: "Last month from its first day up to the same time of the month as now, UTC."},
				{Title: "Calls", Kind: Stat, Query: "spend/calls", Unit: Count, Width: 4, Height: 4,
					Description: "Calls in the range, failed and unpriced ones included."},
				{Title: "Saved by prompt caches", Kind: Stat, Query: "spend/cache_saved", Unit: USD, Width: 5, Height: 4,
					Description: "What the same tokens would have cost without a cache, minus what they cost. Negative when writes cost more than reads saved."},
			}},
			{Title: "Over time", Panels: []Panel{
				{Title: "Spend by tenant", Kind: TimeSeries, Query: "spend/by_tenant_over_time", Unit: USD, Width: 12, Height: 9, Stacked: true,
					Description: "US dollars per step, stacked; the nine largest tenants of the range, the rest as \"other\"."},
				{Title: "Spend by model", Kind: TimeSeries, Query: "spend/by_model_over_time", Unit: USD, Width: 12, Height: 9, Stacked: true,
					Description: "US dollars per step, stacked; the nine most expensive models of the range, the rest as \"other\"."},
			}},
			{Title: "Who and what", Panels: []Panel{
				{Title: "Tenants", Kind: Table, Query: "spend/tenants", Width: 24, Height: 9,
					Description: "One row per tenant: spend, share, calls, tokens. Click a tenant for its own board.",
					Columns: map[string]Unit{"spend": USD, "share": Percent, "calls": Count, "per 1,000 calls": USD, "input tokens": Count,
						"cached tokens": Count, "output tokens": Count, "unpriced calls": Count},
					SumColumns: []string{"spend", "calls", "unpriced calls"}, Links: []Link{{Column: "tenant", Board: "tollkeeper-tenant", Variable: "tenant", Value: "id"}}, Hidden: []string{"id"}},
				{Title: "Models", Kind: Table, Query: "spend/models", Width: 16, Height: 9,
					Description: "One row per provider and model. Cost per million tokens is spend over all tokens of the row, cached ones included.",
					Columns: map[string]Unit{"spend": USD, "share": Percent, "calls": Count, "per million tokens": USD, "errors": Percent,
						"unpriced calls": Count}, SumColumns: []string{"spend", "calls"}},
				{Title: "What the spend is made of", Kind: Bars, Query: "spend/parts", Unit: USD, Width: 8, Height: 9,
					Description: "The parts of the cost; they add up to the spend of the range."},
			}},
			{Title: "How far to trust it", Panels: []Panel{
				{Title: "Unpriced calls", Kind: Stat, Query: "spend/unpriced", Unit: Count, Width: 6, Height: 4, Bad: from(1),
					Description: "Calls with no price: they count as zero in every total, which then says \"at least\"."},
				{Title: "Flagged calls", Kind: Stat, Query: "spend/flagged", Unit: Count, Width: 6, Height: 4, Bad: from(1),
					Description: "Calls whose numbers contradict themselves or whose identity was incomplete."},
				{Title: "Estimated calls", Kind: Stat, Query: "spend/estimated", Unit: Count, Width: 6, Height: 4,
					Description: "Calls of which the emitter left something out that can change the price (a count, the tier, the cache), or that the SDK sampled."},
				{Title: "Unattributed spend", Kind: Stat, Query: "spend/unattributed", Unit: Text, Width: 6, Height: 4,
					Description: "Spend of calls that name no tenant."},
				{Title: "Why calls are unpriced", Kind: Table, Query: "spend/unpriced_reasons", Width: 12, Height: 7, MayBeEmpty: true,
					Description: "Unpriced calls by tenant, model and reason, of the last seven days of the range at most.", Columns: map[string]Unit{"calls": Count}},
				{Title: "Alerts and throttles", Kind: Table, Query: "spend/events", Width: 12, Height: 7, MayBeEmpty: true,
					Description: "What fired, what was done about it, newest first.", Columns: map[string]Unit{"at": DateTime}},
			}},
		},
	}
}
