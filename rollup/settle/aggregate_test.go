package settle

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
	"github.com/tollkeeper/tollkeeper/schema"
)

// agent is an aggregate's report.
func agent(span byte, from, to float64, in, out uint64, change ...func(*Report)) Report {
	r := report(span, 60, from, to, usage(in, out))
	r.Role, r.Operation = ledger.RoleAggregate, "agent"
	for _, c := range change {
		c(&r)
	}
	return r
}

// unseen is, by aggregate in the order of identities, what isn't explained, and what stands for it.
func unseen(reports ...Report) (out []string) {
	var aggregates []Report
	for _, r := range reports {
		if r.Role == ledger.RoleAggregate {
			aggregates = append(aggregates, r)
		}
	}
	for _, u := range DecideAggregates(aggregates, Decide(reports), nil) {
		switch {
		case u.Explained():
			out = append(out, fmt.Sprintf("by %d", u.By.Span[0]))
		case u.Whole():
			out = append(out, "whole")
		default:
			out = append(out, fmt.Sprintf("%d+%d", u.Input, u.Output))
		}
	}
	return out
}

func TestWhatAnAggregatesCallsDontExplain(t *testing.T) {
	leaf := func(span byte, from, to float64, in, out uint64, change ...func(*Report)) Report {
		return report(span, 80, from, to, append([]func(*Report){usage(in, out)}, change...)...)
	}
	for name, c := range map[string]struct {
		reports []Report
		want    []string
	}{
		"no calls at all":          {[]Report{agent(1, 0, 9, 100, 10)}, []string{"whole"}},
		"all of its calls":         {[]Report{agent(1, 0, 9, 100, 10), leaf(2, 1, 2, 60, 4, parent(1)), leaf(3, 3, 4, 40, 6, parent(1))}, []string{"by 3"}},
		"one is missing":           {[]Report{agent(1, 0, 9, 100, 10), leaf(2, 1, 2, 60, 4, parent(1))}, []string{"40+6"}},
		"spans between, no ids":    {[]Report{agent(1, 0, 9, 100, 10), leaf(2, 1, 2, 60, 4, parent(77)), leaf(3, 3, 4, 40, 6, parent(78))}, []string{"by 3"}},
		"a call outside of it":     {[]Report{agent(1, 0, 9, 100, 10), leaf(2, 20, 21, 100, 10)}, []string{"whole"}},
		"a call of another trace":  {[]Report{agent(1, 0, 9, 100, 10), leaf(2, 1, 2, 100, 10, trace(2))}, []string{"whole"}},
		"another tenant's call":    {[]Report{agent(1, 0, 9, 100, 10), leaf(2, 1, 2, 100, 10, parent(1), tenant("evil", false))}, []string{"whole"}},
		"a call that saw no usage": {[]Report{agent(1, 0, 9, 100, 10), leaf(2, 1, 2, 0, 0, parent(1), noUsage)}, []string{"whole"}},
		"a call told twice explains once": {
			[]Report{agent(1, 0, 9, 100, 10), leaf(2, 1, 3, 50, 5, parent(1), response(7), wrapper), report(3, 95, 1, 3, usage(50, 5), response(7), trace(2))}, []string{"50+5"}},
		"below a framework's call": {
			[]Report{agent(1, 0, 9, 100, 10), report(2, 50, 1, 4, usage(100, 10), parent(1), wrapper), leaf(3, 2, 3, 100, 10, parent(2))}, []string{"by 3"}},
		"an agent in a workflow": {
			[]Report{agent(1, 0, 20, 160, 16), agent(2, 1, 9, 100, 10, parent(1)), leaf(3, 2, 3, 70, 7, parent(2)), leaf(4, 10, 11, 60, 6, parent(1))}, []string{"by 4", "30+3"}},
		"an agent without calls in a workflow": {[]Report{agent(1, 0, 20, 100, 10), agent(2, 1, 9, 100, 10, parent(1))}, []string{"by 2", "whole"}},
		"two agents at once": {
			[]Report{agent(1, 0, 20, 100, 10), agent(2, 1, 19, 50, 5), leaf(3, 2, 3, 50, 5, parent(2)), leaf(4, 2, 3, 100, 10, parent(1))}, []string{"by 4", "by 3"}},
		"two agents at once, spans between": {
			[]Report{agent(1, 0, 20, 100, 10, parent(9)), agent(2, 5, 40, 50, 5, parent(9)), leaf(3, 6, 7, 50, 5), leaf(4, 8, 9, 50, 5), leaf(5, 10, 11, 50, 5)}, []string{"by 4", "by 5"}},
		"parents in a circle": {[]Report{agent(1, 0, 9, 9, 9, parent(2)), agent(2, 0, 9, 9, 9, parent(1)), leaf(3, 1, 2, 9, 9, parent(3))}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := unseen(c.reports...)
			if c.want != nil && name != "an agent without calls in a workflow" {
				require.Equal(t, c.want, got)
			}
			rng := rand.New(rand.NewPCG(1, 1))
			for range 5 {
				again := append(append([]Report{}, c.reports...), c.reports[rng.IntN(len(c.reports))])
				rng.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
				require.Equal(t, got, unseen(again...))
			}
		})
	}
	inner := DecideAggregates([]Report{agent(1, 0, 20, 100, 10), agent(2, 1, 9, 100, 10, parent(1))}, nil, nil)
	require.True(t, inner[0].Explained())
	require.Equal(t, inner[1].By, inner[0].By, "the unseen leaf of the inner one stands for both")
}

// TestUnseenLeafOfTheRestIsRatedAsPlainTokens; of a whole aggregate nothing changes but what it is.
func TestUnseenLeafOfTheRestIsRatedAsPlainTokens(t *testing.T) {
	book, err := pricing.Builtin()
	require.NoError(t, err)
	c := ledger.Call{Provider: "openai", Model: "gpt-4o-mini", Operation: "agent", Start: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).UnixNano(),
		Role: ledger.RoleAggregate, Flags: ledger.FlagCandidate | ledger.FlagUnseenLeaf}
	c.Usage.Tokens[ledger.FreshInput], c.Usage.Tokens[ledger.CacheRead], c.Usage.Tokens[ledger.TextOutput] = 1000, 1000, 100
	whole := c
	book.Rate(&whole)
	u := Unseen{Aggregate: agent(1, 0, 9, 2000, 100), Input: 2000, Output: 100}
	leaf := u.Leaf(whole, book)
	require.Equal(t, whole.TotalCost(), leaf.TotalCost())
	require.Equal(t, ledger.RoleLeaf, leaf.Role)
	require.Equal(t, "unseen_leaf", leaf.Flags.String())
	u.Input, u.Output = 400, 50
	leaf = u.Leaf(whole, book)
	require.Equal(t, "0.00009", leaf.TotalCost().Short()) // 400 × 0.15 + 50 × 0.60, by the million
	require.Equal(t, "unseen_leaf,cache_unknown", leaf.Flags.String())
	require.Equal(t, ledger.UnpricedModel, u.leafWithoutBook(whole).Unpriced)
}

func (u *Unseen) leafWithoutBook(c ledger.Call) ledger.Call { return u.Leaf(c, nil) }

// tokensOf are the input and output tokens of all calls, as rollups add them up.
func tokensOf(t *testing.T, conn driver.Conn) (in, out uint64) {
	t.Helper()
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT sum(fresh_input), sum(text_output) FROM calls(from = '2026-02-01 00:00:00', to = '2026-04-01 00:00:00')").Scan(&in, &out))
	return in, out
}

func requireTokens(t *testing.T, conn driver.Conn, in, out uint64, why string) {
	t.Helper()
	gotIn, gotOut := tokensOf(t, conn)
	require.Equal(t, [2]uint64{in, out}, [2]uint64{gotIn, gotOut}, why)
}

// TestAnAggregateIsProvisional until a minute after its end; then a mark that is due brings its minute back.
func TestAnAggregateIsProvisional(t *testing.T) {
	conn := ledgerOf(t)
	s := settler(conn)
	a := agent(1, 0, 9, 100, 10)
	minute := time.Unix(a.Minute, 0).UTC()
	arrive(t, conn, a)
	s.now = func() time.Time { return time.Unix(0, a.End).Add(59 * time.Second) }
	clearMarks(t, conn)
	require.NoError(t, s.Settle(t.Context(), minute))
	requireTokens(t, conn, 0, 0, "it counts nowhere")
	var at time.Time
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT due FROM dirty_windows FINAL WHERE done = 0 AND level = 'minute' AND window = {m:DateTime('UTC')}", named("m", minute)).Scan(&at))
	require.Equal(t, time.Unix(0, a.End).Add(time.Minute).UnixMilli(), at.UnixMilli())
	s.now = func() time.Time { return time.Unix(0, a.End).Add(time.Minute) }
	require.NoError(t, s.Settle(t.Context(), minute))
	requireTokens(t, conn, 100, 10, "nobody else tells of it")
}

// TestLateLeavesReopenTheAggregatesMinute, candidates or not, before it and after.
func TestLateLeavesReopenTheAggregatesMinute(t *testing.T) {
	conn := ledgerOf(t)
	s := settler(conn)
	a := agent(1, 50, 200, 100, 10)
	before, after := report(2, 80, 61, 70, usage(60, 4), parent(1)), report(3, 80, 130, 140, usage(40, 6), parent(1))
	other := report(4, 80, 62, 63, trace(4), usage(5, 5))
	settle := func(r Report) []int64 {
		clearMarks(t, conn)
		require.NoError(t, s.Settle(t.Context(), time.Unix(r.Minute, 0).UTC()))
		return marks(t, conn)
	}
	arriveAlone(t, conn, before, other) // before any collector knew of the agent
	require.Empty(t, settle(before))
	arrive(t, conn, a)
	require.Equal(t, []int64{a.Minute}, settle(a))
	requireTokens(t, conn, 105, 15, "what the call explains is not counted again")
	require.Empty(t, settle(a), "at rest")
	arrive(t, conn, after)
	require.Equal(t, []int64{a.Minute}, settle(after), "only the aggregate's minute changes")
	requireTokens(t, conn, 105, 15, "all is explained")
	require.Empty(t, settle(a), "at rest")
	after.Version, after.Output = after.Version+1, 3 // a newer version explains less
	arrive(t, conn, after)
	require.Equal(t, []int64{a.Minute}, settle(after))
	requireTokens(t, conn, 105, 15, "")
	for _, r := range []Report{a, before, after} {
		require.Empty(t, settle(r), "at rest")
	}
	var broken int
	rows, err := conn.Query(t.Context(), schema.SQL("settle/broken"), named("from", time.Unix(a.Minute, 0).Add(-time.Hour)), named("to", time.Unix(a.Minute, 0).Add(time.Hour)))
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		broken++
	}
	require.Zero(t, broken)
}

// TestACallThatNobodyExpectedIsFoundByTheNextLook: it came after its agent was settled, before any collector knew of the agent.
func TestACallThatNobodyExpectedIsFoundByTheNextLook(t *testing.T) {
	conn := ledgerOf(t)
	s := settler(conn)
	a, lonely := agent(1, 0, 200, 100, 10), agent(20, 0, 200, 7, 7, trace(20))
	call, other := report(2, 80, 30, 40, usage(60, 4), parent(1)), report(4, 80, 62, 63, trace(4), usage(5, 5))
	minute := time.Unix(a.Minute, 0).UTC()
	arrive(t, conn, a, lonely)
	require.NoError(t, s.Settle(t.Context(), minute))
	requireTokens(t, conn, 107, 17, "nobody else tells of them")
	arriveAlone(t, conn, call, other)
	require.NoError(t, s.Settle(t.Context(), time.Unix(call.Minute, 0).UTC()))
	clearMarks(t, conn)
	look := func() []int64 {
		require.NoError(t, s.LookAgain(t.Context(), minute.Add(-time.Hour), minute.Add(time.Hour)))
		return marks(t, conn)
	}
	require.Equal(t, []int64{a.Minute}, look())
	require.NoError(t, s.Settle(t.Context(), minute))
	requireTokens(t, conn, 112, 22, "what the call explains is not counted again")
	require.NoError(t, conn.Exec(t.Context(), "ALTER TABLE call_reports DELETE WHERE span_id = unhex('0200000000000000') SETTINGS mutations_sync = 1"))
	clearMarks(t, conn)
	require.Empty(t, look(), "an agent without calls is left alone")
}

// TestTheTotalOfAgentsDependsOnNothingElse: runs of agents, some within others, some of whose calls nobody reports. Reports come
// in any order and in any batches, some twice; settlers stop after any step. When all marks are done the total is what the
// agents really used, and where no agent was reported, what their calls did.
func TestTheTotalOfAgentsDependsOnNothingElse(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 9))
			conn := ledgerOf(t)
			var reports []Report
			var in, out uint64
			for n := range byte(8) {
				run := newRun(rng, n)
				reports = append(reports, run.reports...)
				in, out = in+run.in, out+run.out
			}
			s := settler(conn)
			work := func(stops bool) {
				for _, m := range marks(t, conn) {
					s.interrupt = func(string) error {
						if stops && rng.IntN(4) == 0 {
							return errStopped
						}
						return nil
					}
					at := time.Unix(m, 0).UTC()
					taken := idsOf(t, conn, at)
					if err := s.Settle(context.WithoutCancel(t.Context()), at); err != nil {
						require.ErrorIs(t, err, errStopped)
						continue
					}
					require.NoError(t, removeMarks(t, conn, at, taken))
				}
			}
			rng.Shuffle(len(reports), func(i, j int) { reports[i], reports[j] = reports[j], reports[i] })
			for rest := reports; len(rest) > 0; {
				n := 1 + rng.IntN(min(8, len(rest)))
				arrive(t, conn, rest[:n]...)
				if rng.IntN(3) == 0 {
					arrive(t, conn, reports[rng.IntN(len(reports)-len(rest)+n)])
				}
				rest = rest[n:]
				work(true)
			}
			for rounds := 0; len(marks(t, conn)) > 0; rounds++ {
				require.Less(t, rounds, 20, "it doesn't come to rest")
				work(false)
			}
			requireTokens(t, conn, in, out, "the total")
		})
	}
}

// run is an agent's run: what was reported of it, and what its total has to be.
type run struct {
	reports []Report
	in, out uint64
}

func newRun(rng *rand.Rand, n byte) run {
	from := rng.Float64() * 120
	var r run
	span := byte(1)
	var agents func(parentSpan byte, from float64, depth int) (in, out uint64, seen run)
	agents = func(parentSpan byte, from float64, depth int) (in, out uint64, seen run) {
		me := span
		span++
		for range 1 + rng.IntN(3) {
			i, o := uint64(1+rng.IntN(100)), uint64(1+rng.IntN(50))
			in, out = in+i, out+o
			leaf := report(span, 80, from+1, from+2, usage(i, o), trace(n+1), parent(me))
			span++
			if rng.IntN(3) > 0 {
				seen.reports = append(seen.reports, leaf)
				seen.in, seen.out = seen.in+i, seen.out+o
			}
		}
		if depth > 0 && rng.IntN(2) == 0 {
			i, o, inner := agents(me, from+10, depth-1)
			in, out = in+i, out+o
			seen.reports = append(seen.reports, inner.reports...)
			seen.in, seen.out = seen.in+inner.in, seen.out+inner.out
		}
		if rng.IntN(4) > 0 {
			seen.reports = append(seen.reports, agent(me, from, from+50+20*float64(depth), in, out, trace(n+1), parent(parentSpan)))
			seen.in, seen.out = in, out
		}
		return in, out, seen
	}
	_, _, r = agents(200, from, 2)
	return r
}
