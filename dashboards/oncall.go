package dashboards

var tenantLink = Link{Column: "tenant", Board: "tollkeeper-tenant", Variable: "tenant", Value: "id"}

// OnCall is the board of who is woken: what fires, what was done about it, and whether it helped.
func OnCall() Board {
	return Board{
		UID: "tollkeeper-oncall", Title: "On-call", From: "now-6h", Refresh: "10s", OwnRows: true,
		Description: "What fires, what was done about it and whether it helped. US dollars, UTC.",
		Tags:        []string{"tollkeeper", "on-call"},
		Annotations: []Annotation{{Name: "Alerts and throttles", Query: "oncall/annotation", Color: "orange"}},
		Rows: []Row{
			{Title: "Now", Panels: []Panel{
				{Title: "Episodes firing", Kind: Stat, Query: "oncall/firing", Unit: Count, Width: 6, Height: 4, Bad: from(1),
					Description: "Episodes that fire now or have lost their data; not changed by the chosen range."},
				{Title: "Tenants throttled", Kind: Stat, Query: "oncall/throttled", Unit: Count, Width: 6, Height: 4, Bad: from(1),
					Description: "Throttles in force at a gateway now; dry runs don't count."},
				{Title: "Spend rate", Kind: Stat, Query: "oncall/spend_rate", Unit: Text, Width: 6, Height: 4,
					Description: "Spend of the last five whole minutes, as US dollars an hour. \"at least\" means that some of these calls have no price."},
				{Title: "Age of the ledger", Kind: Stat, Query: "oncall/freshness", Unit: Text, Width: 6, Height: 4,
					Description: "Everything that Kafka acknowledged before so long ago is stored. Rules that need complete data fall silent at a minute."},
			}},
			{Title: "How fast", Panels: []Panel{
				{Title: "Spend rate by tenant", Kind: TimeSeries, Query: "oncall/rate_by_tenant", Unit: USD, Width: 12, Height: 9,
					Description: "US dollars an hour in each step; the nine largest tenants of the range, the rest as \"other\"."},
				{Title: "Against the usual", Kind: TimeSeries, Query: "oncall/usual", Unit: USD, Width: 12, Height: 9, MayBeEmpty: true,
					Description: "US dollars in each whole hour (the mean where steps are longer), and the median of the same hour of the week in the four weeks before, UTC."},
			}},
			{Title: "Burn", Panels: []Panel{
				{Title: "Budgets", Kind: Table, Query: "oncall/budgets", Width: 24, Height: 8, MayBeEmpty: true,
					Description: "All budgets that the rules watch, of the configuration and of the database, for the period that runs now in the budget's own time zone; since in UTC. Burn is the used share over the elapsed share: above 1 the budget runs out early; days left at this period's pace so far. Counted every half minute.",
					Columns:     map[string]Unit{"since": DateTime, "budgeted": USD, "spent": USD, "used %": Percent, "elapsed %": Percent, "burn": Count, "left": USD, "days left": Count},
					Links:       []Link{tenantLink}, Hidden: []string{"id"}},
				{Title: "Tenants above their usual", Kind: Table, Query: "oncall/above_usual", Width: 24, Height: 7, MayBeEmpty: true,
					Description: "Spend of the last whole hour, and the median of the same hour of the week in the four weeks before (empty: no history), UTC. The most unusual first.",
					Columns:     map[string]Unit{"last hour": USD, "usual": USD, "times usual": Count, "calls": Count}, Links: []Link{tenantLink}, Hidden: []string{"id"}},
			}},
			{Title: "What happened", Panels: []Panel{
				{Title: "Episodes", Kind: Table, Query: "oncall/episodes", Width: 24, Height: 9, MayBeEmpty: true,
					Description: "Episodes that fire now, and those that changed in the range, newest first, UTC. Effect: what a throttle did about it.",
					Columns:     map[string]Unit{"since": DateTime, "changed": DateTime}, Links: []Link{tenantLink}, Hidden: []string{"id"}},
				{Title: "Throttles", Kind: Table, Query: "oncall/throttles", Width: 24, Height: 9, MayBeEmpty: true,
					Description: "One row per episode, tenant or part of one, and gateway, UTC: when the first command was ordered, how long the gateway took to acknowledge it, how long until spend had fallen.",
					Columns:     map[string]Unit{"ordered": DateTime, "acknowledged after": Seconds, "effective after": Seconds, "expires": DateTime},
					Links:       []Link{tenantLink}, Hidden: []string{"id"}},
			}},
		},
	}
}
