package dashboards

// Trace is one trace: its spans over time, and what each cost.
func Trace() Board {
	return Board{
		UID: "tollkeeper-trace", Title: "Trace", From: "now-24h", Refresh: "1m", OwnRows: true,
		Description: "One trace: spans over time with the cost of each call. US dollars, UTC. Calls are always kept, other spans as sampling keeps them.",
		Tags:        []string{"tollkeeper", "trace"},
		Variables:   []Variable{{Name: "trace", Label: "Trace", Query: "trace/traces", Free: true}},
		Rows: []Row{
			{Title: "The trace", Panels: []Panel{
				{Title: "Cost", Kind: Stat, Query: "trace/cost", Unit: Text, Width: 5, Height: 4,
					Description: "Sum of the trace's calls whose minute lies in the range. \"at least\" means that some have no price."},
				{Title: "Billable calls", Kind: Stat, Query: "trace/count", Unit: Count, Width: 4, Height: 4,
					Description: "Billable calls to models in this trace."},
				{Title: "Duration", Kind: Stat, Query: "trace/took", Unit: Seconds, Width: 5, Height: 4,
					Description: "From the first start to the last end of the spans and calls that were kept."},
				{Title: "Spans kept", Kind: Stat, Query: "trace/kept", Unit: Text, Width: 10, Height: 4,
					Description: "Spans of this trace that sampling kept, and why. Calls are always kept."},
			}},
			{Title: "Over time", Panels: []Panel{
				{Title: "Waterfall", Kind: Table, Query: "trace/waterfall", Width: 24, Height: 14, MayBeEmpty: true,
					Description: "Spans in the order of time, children below their parent, 2,000 at most. Cost is the span's own; with children also what is below it.",
					Columns:     map[string]Unit{"starts after": Seconds, "took": Seconds, "cost": USD, "with children": USD, "tokens": Count}, SumColumns: []string{"cost", "tokens"}},
				{Title: "Calls", Kind: Table, Query: "trace/calls", Width: 24, Height: 9, MayBeEmpty: true,
					Description: "The trace's calls with their disjoint token buckets and the price entry that priced them, UTC.",
					Columns: map[string]Unit{"at": DateTime, "cost": USD, "fresh input": Count, "cache reads": Count, "cache writes": Count, "output": Count, "reasoning": Count,
						"took": Seconds, "first token": Seconds}, SumColumns: []string{"cost", "fresh input", "cache reads", "cache writes", "output", "reasoning"}},
			}},
		},
	}
}
