package dashboards

import (
	"regexp"
	"slices"
	"strings"
)

// costColumns are what cost_minute, cost_hour and cost_day have beside their revision.
var costColumns = strings.Fields(`window tenant provider model operation service environment region calls errors rate_limited errors_by_class unpriced_calls flagged_calls
	estimated_calls provided_calls reserved_calls streamed_calls fresh_input cache_read cache_write_5m cache_write_1h audio_input image_input text_output reasoning audio_output
	reserved_tokens units cost cost_input cost_cache_read cost_cache_write cost_output cost_reasoning cost_other list_cost cache_saved tier_saved request_bytes response_bytes latency first_token`)

// What totals by tenant and by model don't have: the other keys, and what no board asks for.
var (
	notTenant = append(strings.Fields("provider model"), notModel[1:]...)
	notModel  = strings.Fields("tenant operation service environment region errors_by_class units")
)

var (
	word         = regexp.MustCompile(`\w+`)
	allFromSpend = regexp.MustCompile(`\*\s+FROM\s+\$spend`)
)

// spendColumns are those that spend, written out in a query, has to give: the ones whose names are in the text somewhere, or the whole table's.
// Planning takes longer with everything that lies below a column, for every function over it, so that a column that nobody asks for
// costs (docs/adr/0044-spend-names-its-columns.md). Totals by one key haven't all of them.
func spendColumns(text string, whole bool, without []string) []string {
	named := map[string]bool{"window": true} // by which rows are found
	for _, w := range word.FindAllString(text, -1) {
		named[w] = true
	}
	return slices.DeleteFunc(slices.Clone(costColumns), func(c string) bool { return slices.Contains(without, c) || !whole && !named[c] })
}
