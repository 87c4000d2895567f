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

// callColumns are what call_reports has, and costOfCall what calls adds to them.
var callColumns = strings.Fields(`minute tenant trace_id span_id version parent_span_id tenant_source start received duration_ns first_token_ns provider model request_model operation kind
	service_tier finish_reason error_class service environment region team key user agent feature prompt prompt_version conversation response_id emitter rule role rank raw fresh_input cache_read
	cache_write_5m cache_write_1h audio_input image_input text_output reasoning audio_output units cost_input cost_cache_read cost_cache_write cost_output cost_reasoning cost_other list_delta
	cache_saved tier_saved provided_cost price_version price_entry unpriced flags request_bytes response_bytes`)

const costOfCall = "cost_input + cost_cache_read + cost_cache_write + cost_output + cost_reasoning + cost_other AS cost"

// What totals by tenant and by model don't have: the other keys, and what no board asks for.
var (
	notTenant = append(strings.Fields("provider model"), notModel[1:]...)
	notModel  = strings.Fields("tenant operation service environment region errors_by_class units")
)

var (
	word         = regexp.MustCompile(`\w+`)
	allFromSpend = regexp.MustCompile(`\*\s+FROM\s+\$spend`)
	allFromCalls = regexp.MustCompile(`\*\s+FROM\s+\$calls`)
)

// named are the words of a query. What is written out in it has the columns whose names are among them: planning takes longer with everything that
// lies below a column, for every function over it, so that a column that nobody asks for costs (docs/adr/0044-spend-names-its-columns.md).
type named map[string]bool

func (n named) add(text string) {
	for _, w := range word.FindAllString(text, -1) {
		n[w] = true
	}
}

// spendColumns are those that spend has to give: named ones, or the whole table's. Totals by one key haven't all of them.
func (n named) spendColumns(whole bool, without []string) []string {
	return slices.DeleteFunc(slices.Clone(costColumns), func(c string) bool {
		return slices.Contains(without, c) || !whole && !n[c] && c != "window" // by which rows are found
	})
}

// callColumns are those that calls has to give, at least one.
func (n named) callColumns(whole bool) string {
	if whole {
		return "*, " + costOfCall
	}
	out := slices.DeleteFunc(slices.Clone(callColumns), func(c string) bool { return !n[c] })
	if n["cost"] {
		out = append(out, costOfCall)
	}
	if len(out) == 0 {
		return "minute"
	}
	return strings.Join(out, ", ")
}
