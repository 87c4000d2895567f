package dashboards

const (
	atLeast = " \"at least\" means that some calls have no price."
	atMost  = " \"at most\" means that some calls have no price: less is left than they say."
)

// Spend is finance's board: what was spent in the chosen range and this month, by whom and on what, and how far the
// numbers can be trusted.
func Spend() Board {
	return Board{
		UID: "tollkeeper-spend", Title: "Spend", From: "now-24h", Refresh: "10s",
		Description: "What language models cost, by tenant and by model. US dollars, days and months in UTC.",
		Tags:        []string{"tollkeeper", "finance"},
		Annotations: []Annotation{{Name: "Alerts and throttles", Query: "spend/events_annotation", Color: "orange"}},
		Rows:        []Row{spendNow(), spendOverTime(), spendWho(), spendMonths(), spendTrust()},
	}
}

func spendNow() Row {
	return Row{Title: "Where we are", Panels: []Panel{
		{Title: "Spend in the chosen range", Kind: Stat, Query: "spend/total", Unit: Text, Width: 6, Height: 4,
			Description: "Sum of all calls whose minute lies in the range, from the rollups, in US dollars." + atLeast},
		{Title: "The range is", Kind: Stat, Query: "spend/state", Unit: Text, Width: 6, Height: 4,
			Description: "Final: every month that the range touches is closed, its own total never changes again. Open: late calls still change it. Months in UTC."},
		{Title: "Calls", Kind: Stat, Query: "spend/calls", Unit: Count, Width: 6, Height: 4,
			Description: "Calls in the range, failed and unpriced ones included."},
		{Title: "Saved by prompt caches", Kind: Stat, Query: "spend/cache_saved", Unit: USD, Width: 6, Height: 4,
			Description: "What the same tokens would have cost without a cache, minus what they cost. Negative when writes cost more than reads saved."},
		{Title: "Month to date", Kind: Stat, Query: "spend/month_to_date", Unit: Text, Width: 4, Height: 4,
			Description: "From the first of this month, 00:00 UTC, until now; not changed by the chosen range." + atLeast},
		{Title: "Last month, same time", Kind: Stat, Query: "spend/last_month_same_time", Unit: Text, Width: 4, Height: 4,
			Description: "Last month from its first day up to the same time of the month as now, UTC." + atLeast},
		{Title: "Last month", Kind: Stat, Query: "spend/last_month", Unit: Text, Width: 4, Height: 4,
			Description: "All of last month, UTC; final once it is closed. Adjustments booked in it are in the table Months." + atLeast},
		{Title: "Forecast of this month", Kind: Stat, Query: "spend/forecast", Unit: Text, Width: 4, Height: 4,
			Description: "What this month comes to at its end, UTC, as the alerts foresee it: spent so far on calls that have a price, and the usual spend of the hours to come at the level of the last day. The band is how far the same forecast was off in earlier weeks." + atLeast},
		{Title: "Budgets of this month", Kind: Stat, Query: "spend/budget", Unit: Text, Width: 4, Height: 4,
			Description: "Spend of the tenants that have a monthly budget, as a share of these budgets, each in the month of its own time zone (UTC if it has none)." + atLeast},
		{Title: "Budget lasts", Kind: Stat, Query: "spend/days_left", Unit: Text, Width: 4, Height: 4,
			Description: "What is left of the monthly budgets, each in its own time zone (UTC if it has none), at the rate of the last seven days." + atMost},
	}}
}

func spendOverTime() Row {
	return Row{Title: "Over time", Panels: []Panel{
		{Title: "Spend by tenant", Kind: TimeSeries, Query: "spend/by_tenant_over_time", Unit: USD, Width: 12, Height: 9, Stacked: true,
			Description: "US dollars per step, stacked, of the calls that have a price; the nine largest tenants of the range, the rest as \"other\". A step is an hour or more where the range is longer than six hours, a day or more beyond eight days, UTC."},
		{Title: "Spend by model", Kind: TimeSeries, Query: "spend/by_model_over_time", Unit: USD, Width: 12, Height: 9, Stacked: true,
			Description: "US dollars per step, stacked, of the calls that have a price; the nine most expensive models of the range, the rest as \"other\". A step is an hour or more where the range is longer than six hours, a day or more beyond eight days, UTC."},
	}}
}

func spendWho() Row {
	return Row{Title: "Who and what", Panels: []Panel{
		{Title: "Tenants", Kind: Table, Query: "spend/tenants", Width: 24, Height: 10,
			Description: "One row per tenant. Change: against the range of the same length before it. Budget: this month's spend over the monthly budgets, in their own time zone (UTC if they have none). The token buckets don't overlap. Click a tenant for its own board.",
			Columns: map[string]Unit{"spend": USD, "share": Percent, "change": USD, "change %": Percent, "calls": Count, "per 1,000 calls": USD, "per million tokens": USD, "fresh input": Count,
				"cache reads": Count, "cache writes": Count, "audio and image": Count, "output": Count, "reasoning": Count, "budget %": Percent, "unpriced": Count},
			SumColumns: []string{"spend", "change", "calls", "fresh input", "cache reads", "cache writes", "audio and image", "output", "reasoning", "unpriced"},
			Links:      []Link{tenantLink}, Hidden: []string{"id"}},
		{Title: "Models", Kind: Table, Query: "spend/models", Width: 16, Height: 9,
			Description: "One row per provider and model. Cost per million tokens is spend over all tokens of the row, cached ones included.",
			Columns: map[string]Unit{"spend": USD, "share": Percent, "calls": Count, "per million tokens": USD, "errors": Percent,
				"unpriced calls": Count}, SumColumns: []string{"spend", "calls", "unpriced calls"}},
		{Title: "What the spend is made of", Kind: Bars, Query: "spend/parts", Unit: USD, Width: 8, Height: 9,
			Description: "The parts of the cost, in US dollars; they add up to the spend of the range."},
		{Title: "Savings", Kind: Table, Query: "spend/savings", Width: 24, Height: 6,
			Description: "What caches, tiers and negotiated prices saved in the range, against the same tokens at list prices without them; and an estimate of what better use of caches would have saved. Empty: not reported.",
			Columns:     map[string]Unit{"saved": USD, "left on the table": USD}},
	}}
}

func spendMonths() Row {
	row := Row{Title: "Months and who pays", Panels: []Panel{
		{Title: "Chargeback", Kind: Table, Query: "spend/chargeback", Width: 24, Height: 9, MayBeEmpty: true,
			Description: "Who pays what of the month, UTC, in which the range ends. Spend of tenants that the directory calls shared is handed out by the others' own spend, reserved capacity by the tokens it served; the parts add up to the whole exactly. Renewed every few minutes (as of).",
			Columns:     map[string]Unit{"own": USD, "adjustments": USD, "shared": USD, "reserved": USD, "total": USD, "calls": Count, "as of": DateTime},
			Links:       []Link{tenantLink}, Hidden: []string{"id"}, SumColumns: []string{"own", "adjustments", "shared", "reserved", "total", "calls"}},
	}}
	row.Panels = append(row.Panels, spendPayers()...)
	row.Panels = append(row.Panels, []Panel{
		{Title: "Months", Kind: Table, Query: "spend/months", Width: 24, Height: 9, MayBeEmpty: true,
			Description: "The last thirteen months, UTC: spend of their own days, adjustments booked in them for earlier months, and both. Final: closed, its own spend never changes again.",
			Columns:     map[string]Unit{"spend": USD, "adjustments": USD, "total": USD, "calls": Count, "closed at": DateTime}},
		{Title: "Adjustments", Kind: Table, Query: "spend/adjustments", Width: 24, Height: 8, MayBeEmpty: true,
			Description: "Booked in the months that the range touches: what came for a month after it was closed, with its reason and evidence. UTC.",
			Columns:     map[string]Unit{"cost": USD, "calls": Count}, SumColumns: []string{"cost", "calls"}},
	}...)
	return row
}

// spendPayers is the chargeback by what the tenant directory says of the tenants.
func spendPayers() (panels []Panel) {
	for _, by := range []struct{ column, title, what string }{
		{"cost_centre", "By cost centre", "the cost centre"}, {"parent", "By parent", "what they belong to"}, {"owner", "By owner", "who answers for them"},
	} {
		panels = append(panels, Panel{Title: by.title, Kind: Table, Query: "spend/chargeback_by=" + by.column, Width: 8, Height: 8, MayBeEmpty: true,
			Description: "The chargeback of the same month, UTC, added up by " + by.what + " of its tenants as the tenant directory says; every row of the chargeback is in it once. Handed: adjustments and its part of what is shared and reserved.",
			Columns:     map[string]Unit{"own": USD, "handed": USD, "total": USD},
			SumColumns:  []string{"own", "handed", "total"}})
	}
	return panels
}

func spendTrust() Row {
	return Row{Title: "How far to trust it", Panels: []Panel{
		{Title: "Unpriced calls", Kind: Stat, Query: "spend/unpriced", Unit: Count, Width: 4, Height: 4, Bad: from(1),
			Description: "Calls with no price: they count as zero in every total, which then says \"at least\"."},
		{Title: "Flagged calls", Kind: Stat, Query: "spend/flagged", Unit: Count, Width: 4, Height: 4, Bad: from(1),
			Description: "Calls whose numbers contradict themselves or whose identity was incomplete."},
		{Title: "Estimated calls", Kind: Stat, Query: "spend/estimated", Unit: Count, Width: 4, Height: 4,
			Description: "Calls of which the emitter left something out that can change the price (a count, the tier, the cache), or that the SDK sampled."},
		{Title: "Unattributed spend", Kind: Stat, Query: "spend/unattributed", Unit: Text, Width: 4, Height: 4,
			Description: "Spend of calls in the range that name no tenant, in US dollars." + atLeast},
		{Title: "Late calls", Kind: Stat, Query: "spend/late", Unit: Text, Width: 4, Height: 4,
			Description: "Calls that came after their month was closed: adjustments booked in the months that the range touches, UTC."},
		{Title: "Adjusted", Kind: Stat, Query: "spend/adjusted", Unit: Text, Width: 4, Height: 4,
			Description: "All adjustments booked in the months that the range touches, UTC; not part of the spend of the range."},
		{Title: "Why calls are unpriced", Kind: Table, Query: "spend/unpriced_reasons", Width: 12, Height: 7, MayBeEmpty: true,
			Description: "Unpriced calls of the range by tenant and model, and the reasons of those in its last hour, UTC; for another call, explain it.", Columns: map[string]Unit{"calls": Count}, SumColumns: []string{"calls"}},
		{Title: "Alerts and throttles", Kind: Table, Query: "spend/events", Width: 12, Height: 7, MayBeEmpty: true,
			Description: "What fired, what was done about it, newest first, UTC.", Columns: map[string]Unit{"at": DateTime}},
	}}
}
