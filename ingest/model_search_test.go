package ingest

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// searchIngest returns the path to a wrong end, what is wrong there, and how many states and ends there are.
func searchIngest(p *ingestProtocol, left budget) (path []string, wrong string, states, ends int) {
	type from struct {
		prev ingestState
		what string
	}
	start := ingestState{generation: 1, committed: none, left: left}
	seen := map[ingestState]from{start: {}}
	for layer := []ingestState{start}; len(layer) > 0; {
		var after []ingestState
		for _, s := range layer {
			if s.atRest(p) {
				ends++
				if wrong = s.wrong(); wrong != "" {
					for at := s; at != start; at = seen[at].prev {
						path = append(path, seen[at].what)
					}
					slices.Reverse(path)
					return path, wrong, len(seen), ends
				}
			}
			s.next(p, func(what string, n ingestState) {
				if _, ok := seen[n]; !ok {
					seen[n] = from{s, what}
					after = append(after, n)
				}
			})
		}
		layer = after
	}
	return nil, "", len(seen), ends
}

// Misfortunes of a search; all at once would be more states than memory holds.
var searches = map[string]budget{
	"crash, rebalance, wiped group":        {crashes: 2, rebalances: 1, wipes: 1},
	"two rebalances and a crash":           {crashes: 1, rebalances: 2},
	"crash, rebalance, restored backup":    {crashes: 1, rebalances: 1, restores: 1},
	"crash, rebalance, log drops a record": {crashes: 1, rebalances: 1, drops: 1},
	"two crashes, log drops everything":    {crashes: 2, drops: 3},
	"two crashes, topic re-created":        {crashes: 2, creations: 1},
}

func TestModelOfIngestAsDesigned(t *testing.T) {
	for name, left := range searches {
		t.Run(name, func(t *testing.T) {
			path, wrong, states, ends := searchIngest(&ingestProtocol{order: designedSteps}, left)
			require.Empty(t, wrong, strings.Join(path, "; "))
			require.Greater(t, states, 10_000)
			require.Greater(t, ends, 10, "the model comes to no end")
			t.Logf("%d states, %d ends, nothing lost, nothing twice", states, ends)
		})
	}
}

// Every order of the five steps: safe are those in which a call is stored before its window is marked, and everything
// before it is written down as stored. The commit may come at any time, because the start rule doesn't trust it alone.
func TestModelOfIngestFindsWrongOrders(t *testing.T) {
	safe, total := 0, 0
	permute(designedSteps, func(order []ingestStep) {
		total++
		at := func(s ingestStep) int { return slices.Index(order, s) }
		right := at(stepCalls) < at(stepMarks) && at(stepMarks) < at(stepRanges) && at(stepDead) < at(stepRanges)
		path, wrong, states, _ := searchIngest(&ingestProtocol{order: order}, searches["crash, rebalance, wiped group"])
		require.Equal(t, right, wrong == "", "%v: %s: %s", order, wrong, strings.Join(path, "; "))
		if right {
			safe++
			return
		}
		if total%20 == 0 {
			t.Logf("%v: %s after %d states: %s", order, wrong, states, strings.Join(path, "; "))
		}
	})
	require.Equal(t, 120, total)
	t.Logf("%d of %d orders are safe", safe, total)
}

// What else the design does, left out.
func TestModelOfIngestFindsWhatIsLeftOut(t *testing.T) {
	commitFirst := []ingestStep{stepDead, stepCommit, stepCalls, stepMarks, stepRanges}
	for name, c := range map[string]struct {
		p      ingestProtocol
		search string
		want   string
	}{
		"the start trusts the commit, and that comes first": {ingestProtocol{order: commitFirst, committed: true}, "crash, rebalance, wiped group", "lost"},
		"the start trusts the commit, a backup is restored": {ingestProtocol{order: designedSteps, committed: true}, "crash, rebalance, restored backup", "totals"},
		"no identity": {ingestProtocol{order: designedSteps, noIdentity: true}, "two rebalances and a crash", "twice"},
		"the topic's id is looked at only at the start": {ingestProtocol{order: designedSteps, noLook: true}, "two crashes, topic re-created", "lost"},
		"no gap is written down":                        {ingestProtocol{order: designedSteps, noGaps: true}, "crash, rebalance, log drops a record", "lost"},
		"nothing is marked when a log is gone":          {ingestProtocol{order: designedSteps, noRemark: true}, "two crashes, topic re-created", "totals"},
		"nothing is marked when records are gone":       {ingestProtocol{order: designedSteps, noRemark: true}, "two crashes, log drops everything", "totals"},
	} {
		t.Run(name, func(t *testing.T) {
			path, wrong, states, _ := searchIngest(&c.p, searches[c.search])
			require.Contains(t, wrong, c.want)
			t.Logf("%s after %d states: %s", wrong, states, strings.Join(path, "; "))
		})
	}
	// What doesn't matter, because nothing relies on the commit alone.
	_, wrong, _, _ := searchIngest(&ingestProtocol{order: designedSteps, noFence: true}, searches["two rebalances and a crash"])
	require.Empty(t, wrong, "the fence spares work; it isn't what keeps calls")
}

// What is left: a zombie that stores calls of a log that is gone, and dies before it marks them. Nobody reads these records
// again, so nobody marks their windows; the nightly recomputation (rollup check) tells.
func TestModelOfIngestKnowsWhatIsLeft(t *testing.T) {
	path, wrong, _, _ := searchIngest(&ingestProtocol{order: designedSteps}, budget{crashes: 1, rebalances: 1, creations: 1})
	require.Contains(t, wrong, "totals")
	t.Logf("%s: %s", wrong, strings.Join(path, "; "))
}

func permute(steps []ingestStep, yield func([]ingestStep)) {
	var rec func(head, rest []ingestStep)
	rec = func(head, rest []ingestStep) {
		if len(rest) == 0 {
			yield(slices.Clone(head))
		}
		for i := range rest {
			rec(append(slices.Clone(head), rest[i]), append(slices.Clone(rest[:i]), rest[i+1:]...))
		}
	}
	rec(nil, steps)
}
