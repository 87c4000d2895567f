package genai_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/collector/genai"
	"github.com/tollkeeper/tollkeeper/internal/replay"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// Every bucket of every recorded call holds what the provider counted: an amount can be right by luck, nine counts can't. Where
// a bucket is different the call says so: unpriced with a reason, or flagged with what the emitter leaves out. (What the counts
// cost is compared in llmcost.) Run with -v for the table.
func TestRecordedUsage(t *testing.T) { readAsBilled(t, "testdata/recordings") }

func readAsBilled(t *testing.T, dir string) {
	t.Helper()
	rules, err := genai.BuiltinRules()
	require.NoError(t, err)
	all, err := replay.Load(dir)
	require.NoError(t, err)
	equal, told := 0, 0
	for _, r := range all {
		for emitter, calls := range callsByEmitter(rules, &r) {
			require.Len(t, calls, len(r.Billed), "%s: successful calls read from %s, requests billed", r.Name, emitter)
			for i, b := range r.Billed {
				c := calls[i]
				line := fmt.Sprintf("%-48s %-26s", r.Name, c.Rule)
				if c.Usage == b.Usage {
					equal++
					t.Logf("%s equal  %s", line, buckets(&b.Usage))
					continue
				}
				told++
				t.Logf("%s told   billed %s; read %s %s %s", line, buckets(&b.Usage), buckets(&c.Usage), c.Unpriced, c.Flags)
				require.True(t, c.Unpriced != "" || c.Flags&(ledger.FlagsUntold|ledger.FlagsDoubt) != 0,
					"%s: billed %s, read %s by %s, and nothing says why", r.Name, buckets(&b.Usage), buckets(&c.Usage), c.Rule)
			}
		}
	}
	t.Logf("%d recordings: %d calls equal, %d told", len(all), equal, told)
	require.Greater(t, equal, 2*told)
}

// callsByEmitter reads a recording's calls that didn't fail, in the order in which they started, apart by the instrumentation:
// two of them may have reported the same requests. Failed requests are not billed and must not carry usage.
func callsByEmitter(rules *genai.Rules, r *replay.Recording) map[string][]ledger.Call {
	calls := map[string][]ledger.Call{}
	own := map[[8]byte]bool{} // spans of a call each
	eachCall(rules, r, func(c ledger.Call, from genai.Origin, aggregate bool) {
		own[c.SpanID] = !aggregate && !from.Repeats && !from.Last
	})
	eachCall(rules, r, func(c ledger.Call, from genai.Origin, aggregate bool) {
		if aggregate || (c.ErrorClass != "" && c.Usage.Zero()) || from.Repeats && own[c.ParentSpanID] || from.Last {
			return
		}
		name, _, _ := strings.Cut(c.Emitter, "@")
		calls[name] = append(calls[name], c)
	})
	for _, list := range calls {
		slices.SortFunc(list, func(a, b ledger.Call) int { return int(a.Start - b.Start) })
	}
	return calls
}

// eachCall reads a recording's calls and the aggregates that carry usage.
func eachCall(rules *genai.Rules, r *replay.Recording, do func(c ledger.Call, from genai.Origin, aggregate bool)) {
	reader := genai.NewReader(rules)
	for _, rs := range r.Traces.ResourceSpans().All() {
		res := genai.ReadResource(rs.Resource())
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				var c ledger.Call
				what := reader.Read(span, &res, reader.Scope(ss.Scope()), &c)
				if what == genai.Call || what == genai.Aggregate && !c.Usage.Zero() {
					do(c, reader.Origin(), what == genai.Aggregate)
				}
			}
		}
	}
}

func buckets(u *ledger.Usage) string {
	var parts []string
	for b := range ledger.NumBuckets {
		if n := u.Tokens[b]; n != 0 {
			parts = append(parts, fmt.Sprintf("%s %d", ledger.Bucket(b), n))
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// Claude Code's own spans tell the status of a refused request and the time to the first token by names of their own.
func TestClaudeCodesSpansTellStatusAndFirstToken(t *testing.T) {
	rules, err := genai.BuiltinRules()
	require.NoError(t, err)
	all, err := replay.Load("testdata/recordings/claude-code-spans")
	require.NoError(t, err)
	refused, streamed := 0, 0
	for _, r := range all {
		eachCall(rules, &r, func(c ledger.Call, _ genai.Origin, aggregate bool) {
			switch {
			case aggregate:
			case c.ErrorClass != "":
				refused++
				require.Empty(t, c.Unpriced, "%s: an answer 4xx made no token", r.Name)
			default:
				streamed++
				require.Positive(t, c.FirstToken, r.Name)
				require.Less(t, c.FirstToken, c.Duration, r.Name)
			}
		})
	}
	require.Positive(t, refused)
	require.Positive(t, streamed)
}
