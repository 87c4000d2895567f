package dashboards

// Scaling is for who sizes gateways, quotas and model servers.
func Scaling() Board {
	return Board{
		UID: "tollkeeper-scaling", Title: "Scaling signals", From: "now-6h", Refresh: "30s",
		Description: "How much is asked of the models, how fast they answer, and how much room is left. UTC. What has no source says \"not reported\".",
		Tags:        []string{"tollkeeper", "scaling"},
		Annotations: []Annotation{{Name: "Alerts and throttles", Query: "oncall/annotation", Color: "orange"}},
		Rows: []Row{
			{Title: "Now", Panels: []Panel{
				{Title: "Request rate", Kind: Stat, Query: "scaling/rate_now", Unit: PerSec, Width: 4, Height: 4,
					Description: "Calls a second in the last five whole minutes, all tenants; failed ones included."},
				{Title: "Busiest minute", Kind: Stat, Query: "scaling/peak", Unit: PerSec, Width: 4, Height: 4,
					Description: "Calls a second in the busiest minute of the range, of its last seven days at most."},
				{Title: "Peak to average", Kind: Stat, Query: "scaling/peak_to_average", Unit: Count, Width: 4, Height: 4,
					Description: "Busiest minute over the mean of all minutes from the first to the last with a call, of the last seven days of the range at most. Near 1: steady; above 3: bursts decide the size."},
				{Title: "Calls in flight", Kind: Stat, Query: "scaling/in_flight", Unit: Count, Width: 4, Height: 4,
					Description: "Mean number of calls under way in the last five minutes, by Little's law: rate times mean duration (of the histogram's bucket middles)."},
				{Title: "Queue depth", Kind: Stat, Query: "scaling/queue", Unit: Text, Width: 4, Height: 4,
					Description: "Calls that wait at model servers, as the gauges say that collector.queue_depth names (vllm:num_requests_waiting). None within 2 minutes: not reported. What waits in our own pipeline is on the board Pipeline."},
				{Title: "Cache hit rate", Kind: Stat, Query: "scaling/cache_hit", Unit: Percent, Width: 4, Height: 4,
					Description: "Tokens read from prompt caches, as a share of all text input tokens of the range."},
			}},
			{Title: "Load", Panels: []Panel{
				{Title: "Request rate by model", Kind: TimeSeries, Query: "scaling/rate_over_time", Unit: PerSec, Width: 12, Height: 9,
					Description: "Calls a second in each step; the nine busiest models of the range, the rest as \"other\"."},
				{Title: "Headroom band", Kind: TimeSeries, Query: "scaling/band_over_time", Unit: PerSec, Width: 12, Height: 9,
					Description: "Calls a second, and the capacity that leaves 30 to 50 % of headroom above the busiest minute (of the last seven days of the range at most): size between the two lines."},
				{Title: "Tokens a minute by model", Kind: TimeSeries, Query: "scaling/tokens_over_time", Unit: Count, Width: 12, Height: 9,
					Description: "Tokens of all buckets a minute; the nine largest models of the range, the rest as \"other\"."},
				{Title: "Cache hit rate by model", Kind: TimeSeries, Query: "scaling/cache_over_time", Unit: Percent, Width: 12, Height: 9,
					Description: "Tokens read from prompt caches as a share of text input tokens; the nine busiest models, the rest as \"other\"."},
			}},
			{Title: "How fast they answer", Panels: []Panel{
				{Title: "Latency", Kind: TimeSeries, Query: "scaling/latency_over_time", Unit: Seconds, Width: 12, Height: 8,
					Description: "p50, p95 and p99 of the duration of all calls, from counts in buckets a quarter of a doubling wide."},
				{Title: "Time to first token", Kind: TimeSeries, Query: "scaling/first_token_over_time", Unit: Seconds, Width: 12, Height: 8,
					Description: "p50, p95 and p99 of the time to the first token of the calls that report it. No line: not reported."},
				{Title: "Models", Kind: Table, Query: "scaling/models", Width: 24, Height: 9,
					Description: "One row per provider and model in the range. Quantiles from counts in buckets a quarter of a doubling wide; empty: not reported.",
					Columns: map[string]Unit{"calls": Count, "calls a second": PerSec, "p50": Seconds, "p95": Seconds, "p99": Seconds, "first token p50": Seconds,
						"first token p95": Seconds, "first token p99": Seconds, "errors %": Percent, "streamed %": Percent, "cache hits %": Percent}, SumColumns: []string{"calls"}},
			}},
			{Title: "Room", Panels: []Panel{
				{Title: "Rate limits and quotas", Kind: Table, Query: "scaling/limits", Width: 24, Height: 9, MayBeEmpty: true,
					Description: "Tokens a minute of all tenants against the configured quota (alerts.limits[].tokens_per_minute), and calls that were refused for rate, in the range's last seven days at most. \"not reported\": no quota is configured.",
					Columns:     map[string]Unit{"busiest minute": Count, "last minute": Count, "refused for rate": Count, "refused %": Percent}},
				{Title: "Egress", Kind: Stat, Query: "scaling/egress", Unit: Text, Width: 8, Height: 8,
					Description: "Bytes of request bodies in the range, and what they cost at the configured price (dashboards.egress_usd_per_gb). \"not reported\": instrumentations don't tell body sizes."},
				{Title: "Body sizes", Kind: TimeSeries, Query: "scaling/bytes_over_time", Unit: Bytes, Width: 16, Height: 8,
					Description: "Bytes of request and response bodies in each step, of the calls that report them. No line: not reported."},
			}},
		},
	}
}
