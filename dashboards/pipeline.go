package dashboards

// Pipeline is for who runs Tollkeeper: is everything that was sent in the ledger, and what does keeping it take.
func Pipeline() Board {
	return Board{
		UID: "tollkeeper-pipeline", Title: "Pipeline", From: "now-6h", Refresh: "10s",
		Description: "How fresh and how complete the ledger is, what was set aside, and what it takes on disk. US dollars, UTC. What has no source says \"not reported\".",
		Tags:        []string{"tollkeeper", "operators"},
		Annotations: []Annotation{{Name: "Alerts and throttles", Query: "oncall/annotation", Color: "orange"}},
		Rows: []Row{
			{Title: "Now", Panels: []Panel{
				{Title: "Age of the ledger", Kind: Stat, Query: "pipeline/freshness", Unit: Text, Width: 5, Height: 4,
					Description: "Everything that Kafka acknowledged before so long ago is stored, by the partition that is furthest behind."},
				{Title: "Waiting in Kafka", Kind: Stat, Query: "pipeline/lag", Unit: Text, Width: 5, Height: 4,
					Description: "Records that are acknowledged but not stored yet, calls and spans, as the ingest processes counted in the last two minutes."},
				{Title: "Dead letters", Kind: Stat, Query: "pipeline/dead_letters", Unit: Text, Width: 5, Height: 4,
					Description: "Records or rows set aside in the range: tollkeeper deadletter list shows and replays them. The range reaches back 14 days at most."},
				{Title: "Lost records", Kind: Stat, Query: "pipeline/lost", Unit: Count, Width: 4, Height: 4, Bad: from(1),
					Description: "Offsets that Kafka had lost before they were stored, found in the range: calls that the ledger knows it has not got."},
				{Title: "Duplicates settled", Kind: Stat, Query: "pipeline/gave_way", Unit: Count, Width: 5, Height: 4,
					Description: "Reports of calls in the range that gave way to another report of the same call: they don't count twice."},
			}},
			{Title: "Flow", Panels: []Panel{
				{Title: "Calls and spans", Kind: TimeSeries, Query: "pipeline/rates_over_time", Unit: PerSec, Width: 12, Height: 8,
					Description: "Calls a second by their start, and spans a second that sampling kept."},
				{Title: "Waiting in Kafka over time", Kind: TimeSeries, Query: "pipeline/lag_over_time", Unit: Count, Width: 12, Height: 8, MayBeEmpty: true,
					Description: "Records not stored yet, the most in each step, by stream. No line: not reported."},
				{Title: "Held back by instrumentations", Kind: TimeSeries, Query: "pipeline/delay_over_time", Unit: Seconds, Width: 12, Height: 8,
					Description: "From a call's end to its receipt by the collector: what SDKs hold back in batches. p50, p95, p99 of one minute in each quarter of an hour, in the range's last six hours at most."},
				{Title: "Partitions", Kind: Table, Query: "pipeline/partitions", Width: 12, Height: 8, MayBeEmpty: true,
					Description: "Up to when each partition is known to be complete, UTC, the furthest behind first.",
					Columns:     map[string]Unit{"complete to": DateTime, "age": Seconds, "stored up to offset": NoUnit, "lost offsets": Count}},
			}},
			{Title: "What did not go straight in", Panels: []Panel{
				{Title: "Reports that gave way", Kind: Table, Query: "pipeline/settled", Width: 8, Height: 7, MayBeEmpty: true,
					Description: "Reports of calls in the range that several instrumentations told of, by the reason why another stands.",
					Columns:     map[string]Unit{"reports": Count, "stand for them": Count}, SumColumns: []string{"reports"}},
				{Title: "Dead letters by reason", Kind: Table, Query: "pipeline/letters", Width: 8, Height: 7, MayBeEmpty: true,
					Description: "What was set aside in the range, by stream and reason, UTC.", Columns: map[string]Unit{"records": Count, "last": DateTime}, SumColumns: []string{"records"}},
				{Title: "Losses and new logs", Kind: Table, Query: "pipeline/losses", Width: 8, Height: 7, MayBeEmpty: true,
					Description: "Gaps (offsets that were gone before they were stored) and epochs (a partition whose log turned out to be another one), UTC.",
					Columns:     map[string]Unit{"at": DateTime, "from offset": NoUnit, "to offset": NoUnit}},
			}},
			{Title: "What it takes", Panels: []Panel{
				{Title: "Tiers", Kind: Bars, Query: "pipeline/tier_sizes", Unit: Bytes, Width: 8, Height: 8, MayBeEmpty: true,
					Description: "Bytes on disk by tier, now."},
				{Title: "Tables by tier", Kind: Table, Query: "pipeline/tiers", Width: 16, Height: 8, MayBeEmpty: true,
					Description: "What lies where, now, UTC, and what it costs a month at the configured price of its tier (dashboards.storage_usd_per_gb_month).",
					Columns:     map[string]Unit{"bytes": Bytes, "rows": Count, "parts": Count, "USD a month": USD}, SumColumns: []string{"bytes", "rows", "USD a month"}},
				{Title: "Sampling", Kind: Table, Query: "pipeline/sampling", Width: 12, Height: 8, MayBeEmpty: true,
					Description: "Spans kept in the range, by the reason why. Sampling never touches calls or amounts.",
					Columns:     map[string]Unit{"spans": Count, "traces": Count, "mean probability": Count, "stand for spans": Count}, SumColumns: []string{"spans"}},
				{Title: "Jobs", Kind: Table, Query: "pipeline/jobs", Width: 12, Height: 8, MayBeEmpty: true,
					Description: "The rollup's jobs by process, UTC; what fails or hangs first.", Columns: map[string]Unit{"last success": DateTime, "took": Seconds, "runs": Count, "failures": Count, "backlog": Count}},
			}},
		},
	}
}
