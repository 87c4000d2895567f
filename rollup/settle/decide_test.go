package settle

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// report builds one; times are in seconds after a fixed minute.
func report(span byte, rank uint8, from, to float64, change ...func(*Report)) Report {
	base := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	at := func(s float64) int64 { return base.UnixNano() + int64(s*1e9) }
	r := Report{
		ID:       ID{Minute: base.Unix() + int64(from)/60*60, Tenant: "acme", Trace: [16]byte{1}, Span: [8]byte{span}},
		Version:  counted | priced | succeeded | uint64(span),
		Provider: "openai", Operation: "chat", Rank: rank, Start: at(from), End: at(to), Input: 100, Output: uint64(span),
	}
	for _, c := range change {
		c(&r)
	}
	return r
}

func response(id uint64) func(*Report) {
	return func(r *Report) { r.ResponseID, r.Flags = id, r.Flags|ledger.FlagUniqueID }
}
func trace(t byte) func(*Report)         { return func(r *Report) { r.Trace = [16]byte{t} } }
func parent(span byte) func(*Report)     { return func(r *Report) { r.Parent = [8]byte{span} } }
func wrapper(r *Report)                  { r.Role = ledger.RoleWrapper }
func noUsage(r *Report)                  { r.Version &^= counted | priced; r.Input, r.Output = 0, 0 }
func failed(r *Report)                   { r.Version &= 1<<40 - 1; r.Input, r.Output = 0, 0 }
func usage(in, out uint64) func(*Report) { return func(r *Report) { r.Input, r.Output = in, out } }
func tenant(name string, authenticated bool) func(*Report) {
	return func(r *Report) { r.Tenant, r.Authenticated = name, authenticated }
}
func copied(minute int64) func(*Report) {
	return func(r *Report) { r.Minute, r.Flags = r.Minute+60*minute, r.Flags|ledger.FlagStartOutside }
}

// verdicts are "winner" or "loses to span: reason", by index.
func verdicts(reports []Report) []string {
	out := make([]string, len(reports))
	for _, g := range Decide(reports) {
		for i, r := range g.Reports {
			for n := range reports {
				if reports[n].ID != r.ID {
					continue
				}
				v := g.Verdicts[i]
				switch {
				case v.Loses:
					out[n] = fmt.Sprintf("to %d: %s", v.Winner.Span[0], v.Reason)
				case v.Reason != "":
					out[n] = v.Reason
				default:
					out[n] = "call"
				}
			}
		}
	}
	return out
}

func TestDecide(t *testing.T) {
	const call = "call"
	for name, c := range map[string]struct {
		reports []Report
		want    []string
	}{
		"one alone": {[]Report{report(1, 80, 0, 1)}, []string{call}},
		"two instrumentations of one client, apart in traces": {
			[]Report{report(1, 80, 0, 1, response(7)), report(2, 85, 0, 1, response(7), trace(2))},
			[]string{"to 2: response_id", call}},
		"the same, an hour apart: another call with a repeated id": {
			[]Report{report(1, 80, 0, 1, response(7)), report(2, 85, 3600, 3601, response(7), trace(2))}, []string{call, call}},
		"an id that isn't unique links nothing": {
			[]Report{report(1, 80, 0, 1, func(r *Report) { r.ResponseID = 7 }), report(2, 85, 0, 1, trace(2), func(r *Report) { r.ResponseID = 7 })},
			[]string{call, call}},
		"one instrumentation is never its own twin: a retry that was billed": {
			[]Report{report(1, 80, 0, 1, response(7)), report(2, 80, 1, 2, response(7))}, []string{call, call}},
		"an id that a cache repeats: two calls of two layers": {
			[]Report{report(1, 80, 0, 1, response(7)), report(2, 95, 0.1, 0.9, response(7)), report(3, 80, 10, 11, response(7), trace(3)), report(4, 95, 10.1, 10.9, response(7), trace(3))},
			[]string{"to 2: response_id", call, "to 4: response_id", call}},
		"other providers, neither a gateway's client": {
			[]Report{report(1, 80, 0, 1, response(7)), report(2, 85, 0, 1, response(7), func(r *Report) { r.Provider = "anthropic" })}, []string{call, call}},
		"a gateway's client doesn't know who answered": {
			[]Report{report(1, 80, 0, 1, response(7), wrapper), report(2, 95, 0, 1, response(7), func(r *Report) { r.Provider = "anthropic" })},
			[]string{"to 2: response_id", call}},
		"the gateway knows more, but only the client saw usage": {
			[]Report{report(1, 80, 0, 1, response(7)), report(2, 95, 0, 1, response(7), noUsage)}, []string{call, "to 1: response_id"}},
		"another tenant copies an id": {
			[]Report{report(1, 80, 0, 1, response(7), tenant("acme", true)), report(2, 95, 0, 1, response(7), tenant("evil", false))}, []string{call, call}},
		"both authenticated: a shared gateway": {
			[]Report{report(1, 80, 0, 1, response(7), tenant("acme", true)), report(2, 95, 0, 1, response(7), tenant("platform", true))},
			[]string{"to 2: response_id", call}},
		"a framework above a client": {
			[]Report{report(1, 50, 0, 2), report(2, 80, 0.5, 1.5, parent(1))}, []string{"to 2: parent", call}},
		"a framework above a client that saw no usage": {
			[]Report{report(1, 50, 0, 2), report(2, 80, 0.5, 1.5, parent(1), noUsage)}, []string{call, "to 1: parent"}},
		"a framework above a client above a gateway": {
			[]Report{report(1, 50, 0, 3), report(2, 80, 0.5, 2.5, parent(1), response(7), wrapper), report(3, 95, 1, 2, response(7))},
			[]string{"to 3: parent", "to 3: response_id", call}},
		"siblings are not twins": {
			[]Report{report(1, 80, 0, 1, parent(9)), report(2, 80, 1, 2, parent(9)), report(3, 81, 2, 3, parent(9))}, []string{call, call, call}},
		"a retry below a framework: the failed attempt is a call that cost nothing": {
			[]Report{report(1, 50, 0, 4), report(2, 80, 0, 1, parent(1), failed), report(3, 80, 2, 3, parent(1))}, []string{"to 3: parent", call, call}},
		"two billed attempts below a framework": {
			[]Report{report(1, 50, 0, 4), report(2, 80, 0, 1, parent(1)), report(3, 80, 2, 3, parent(1))}, []string{"to 3: retries", call, call}},
		"all attempts failed": {
			[]Report{report(1, 50, 0, 4, failed), report(2, 80, 0, 1, parent(1), failed), report(3, 80, 2, 3, parent(1), failed)}, []string{"to 2: parent", call, call}},
		"an embedding made inside a chat span is a call of its own": {
			[]Report{report(1, 50, 0, 4), report(2, 80, 0, 1, parent(1), func(r *Report) { r.Operation = "embeddings" })}, []string{call, call}},
		"a gateway's client and its gateway, server spans between, no id": {
			[]Report{report(1, 80, 0, 3, wrapper, usage(9, 0)), report(2, 95, 1, 2, parent(77), usage(9, 0))}, []string{"to 2: inside", call}},
		"the same with other usage": {
			[]Report{report(1, 80, 0, 3, wrapper, usage(9, 0)), report(2, 95, 1, 2, parent(77), usage(8, 0))}, []string{call, call}},
		"the same with two that would fit": {
			[]Report{report(1, 80, 0, 3, wrapper, usage(9, 0)), report(2, 95, 1, 2, usage(9, 0)), report(3, 95, 1, 2, usage(9, 0))}, []string{call, call, call}},
		"one span stored twice, its clock is wrong": {
			[]Report{report(1, 80, 0, 1, copied(0)), report(1, 80, 0, 1, copied(7))}, []string{call, "to 1: copy"}},
		"parents in a circle": {
			[]Report{report(1, 80, 0, 1, parent(2)), report(2, 50, 0, 1, parent(1)), report(3, 50, 0, 1, parent(1)), report(4, 80, 0, 1, parent(2))}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if c.want != nil {
				require.Equal(t, c.want, verdicts(c.reports))
			}
			sound(t, c.reports)
		})
	}
}

// sound is what has to be true of every decision: it doesn't depend on order or repetition, a winner never loses, and every
// loser's winner is one of the reports.
func sound(t *testing.T, reports []Report) {
	t.Helper()
	first := map[ID]Verdict{}
	for _, g := range Decide(reports) {
		for i, r := range g.Reports {
			first[r.ID] = g.Verdicts[i]
		}
	}
	for id, v := range first {
		if v.Loses {
			w, ok := first[v.Winner]
			require.True(t, ok, "the winner of %v is nobody", id)
			require.False(t, w.Loses, "the winner of %v loses", id)
			require.NotEmpty(t, v.Reason)
		}
	}
	rng := rand.New(rand.NewPCG(1, uint64(len(reports))))
	for range 3 {
		again := append(append([]Report{}, reports...), reports[rng.IntN(len(reports))])
		rng.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
		second := map[ID]Verdict{}
		for _, g := range Decide(again) {
			for i, r := range g.Reports {
				second[r.ID] = g.Verdicts[i]
			}
		}
		require.Equal(t, first, second)
	}
}

// TestRandomGroups: anything at all, small enough that everything collides with everything.
func TestRandomGroups(t *testing.T) {
	for seed := range uint64(3000) {
		rng := rand.New(rand.NewPCG(seed, 1))
		reports := make([]Report, 1+rng.IntN(12))
		for i := range reports {
			from := rng.Float64() * 90
			reports[i] = report(byte(1+rng.IntN(8)), []uint8{50, 80, 81, 95}[rng.IntN(4)], from, from+rng.Float64()*20, parent(byte(rng.IntN(9))), trace(byte(rng.IntN(2))), usage(uint64(rng.IntN(2)), 0))
			r := &reports[i]
			if rng.IntN(2) == 0 {
				response(uint64(1 + rng.IntN(3)))(r)
			}
			r.Role = ledger.Role(rng.IntN(3))
			r.Version = r.Version&^0xff | uint64(i) // other content, other version
			switch rng.IntN(8) {
			case 0:
				failed(r)
			case 1:
				noUsage(r)
			case 2:
				copied(int64(rng.IntN(30)))(r)
			case 3:
				tenant("other", rng.IntN(2) == 0)(r)
			}
		}
		sound(t, reports)
		oneWay(t, reports)
	}
}

// oneWay: reports are parted and pairs are decided as they are without what makes either quicker.
func oneWay(t *testing.T, reports []Report) {
	t.Helper()
	all := distinct(reports)
	parts := groups(all, fewInTrace)
	require.Equal(t, groups(all, 0), parts, "looked up by what may link them")
	require.Equal(t, groups(all, 3), parts, "some looked up")
	for _, g := range parts {
		part := g.Reports
		quick, slow := make([]Verdict, len(part)), make([]Verdict, len(part))
		if decidePair(part, quick) {
			decide(part, slow)
			require.Equal(t, slow, quick, part)
		}
	}
}

// TestCallsMadeUpAreFound builds calls with 1 to 3 layers each, linked as instrumentations link them, and wants exactly
// one report per call to stand, the one of the highest rank.
func TestCallsMadeUpAreFound(t *testing.T) {
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 2))
		var reports []Report
		want := map[ID]bool{}
		span := byte(0)
		for n := range 1 + rng.IntN(20) {
			from := rng.Float64() * 300
			made := []Report{}
			for layer := range 1 + rng.IntN(3) {
				span++
				id := uint64(1000*int(seed) + n + 1)
				d := float64(layer) / 10
				switch layer {
				case 0:
					made = append(made, report(span, 50, from, from+3, trace(byte(n))))
				case 1:
					made = append(made, report(span, 80, from+d, from+3-d, trace(byte(n)), parent(made[0].Span[0]), response(id), wrapper))
				case 2:
					made = append(made, report(span, 95, from+d, from+3-d, trace(byte(100+n)), response(id)))
				}
			}
			want[made[len(made)-1].ID] = true
			reports = append(reports, made...)
		}
		got := map[ID]bool{}
		for _, g := range Decide(reports) {
			for i := range g.Reports {
				if !g.Verdicts[i].Loses {
					got[g.Reports[i].ID] = true
				}
			}
		}
		require.Equal(t, want, got, "seed %d", seed)
		sound(t, reports)
		oneWay(t, reports)
	}
}

func TestAGroupWithoutEndIsLeftUnsettled(t *testing.T) {
	var reports []Report
	for i := range MaxMembers + 1 {
		r := report(0, uint8(40+i%2*40), float64(i), float64(i)+1, response(7))
		r.Span[1], r.Span[2] = byte(i), byte(i>>8)
		reports = append(reports, r)
	}
	for _, g := range Decide(reports) {
		for i, v := range g.Verdicts {
			require.Equal(t, Verdict{Reason: ReasonUnsettled}, v, i)
		}
	}
	long := []Report{}
	for i := range 110 {
		long = append(long, report(byte(i), uint8(40+i%2*40), float64(i)*14*60, float64(i)*14*60+1, response(7)))
	}
	require.Equal(t, "unsettled", verdicts(long)[50])
	require.Equal(t, "call", verdicts(long[:90])[50], "a day is not too long")
}
