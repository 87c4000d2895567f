// Package protocol searches models of protocols: every interleaving of what some actors may do next, breadth first. A model is a
// comparable state, in which equal situations should be equal states (marks without names, numbers as ranks, actors in order), and
// what may follow it. A search finds the nearest bad state, and one that nothing leads out of to a good end. It is a proof only
// within the model, so the model has to find bad orders, too: EverySwap tries all.
//
// Marks and Ranks make the parts of a state that the protocols of rollup share finite without a bound.
package protocol

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// Verdict is what a state is.
type Verdict uint8

const (
	Going Verdict = iota // something is still to be done
	Good                 // all is done, and right
	Bad
)

// Move is what leads from a state to the next: what somebody does somewhere, each of which may be left out (-1).
type Move struct {
	What       string
	Who, Where int
}

func (m Move) String() string {
	out := m.What
	if m.Who >= 0 {
		out = fmt.Sprintf("worker %d: %s", m.Who, out)
	}
	if m.Where >= 0 {
		out += fmt.Sprintf(" (%d)", m.Where)
	}
	return out
}

// Model is a protocol. Next yields the states that may follow one.
type Model[S comparable] struct {
	Start S
	Next  func(s *S, yield func(Move, S))
	Judge func(*S) Verdict
}

// Found is what a search came to.
type Found struct {
	Path   []string // the moves to the nearest bad state, or to one from which no good end can be reached; empty if there is none
	States int      // that were reached
}

// Search goes through all states that can be reached.
func (m *Model[S]) Search() Found {
	states, from := []S{m.Start}, []int32{0} // by which state each was first reached
	index := map[S]int32{m.Start: 0}
	var edges [][2]int32 // to, from
	var good []int32
	for i := 0; i < len(states); i++ {
		s := states[i]
		switch m.Judge(&s) {
		case Bad:
			return Found{append(m.path(states, from, int32(i)), "bad"), len(states)}
		case Good:
			good = append(good, int32(i))
		}
		m.Next(&s, func(_ Move, n S) {
			at, ok := index[n]
			if !ok {
				at = int32(len(states))
				index[n] = at
				states, from = append(states, n), append(from, int32(i))
			}
			edges = append(edges, [2]int32{at, int32(i)})
		})
	}
	if i := without(len(states), edges, good); i >= 0 {
		return Found{append(m.path(states, from, i), "it never ends well"), len(states)}
	}
	return Found{nil, len(states)}
}

// without is the first state from which no good one can be reached, or -1.
func without(n int, edges [][2]int32, good []int32) int32 {
	first := make([]int32, n+1) // of each state's edges, sorted by where they lead to
	for _, e := range edges {
		first[e[0]+1]++
	}
	for i := range n {
		first[i+1] += first[i]
	}
	next, before := slices.Clone(first), make([]int32, len(edges))
	for _, e := range edges {
		before[next[e[0]]] = e[1]
		next[e[0]]++
	}
	leads := make([]bool, n)
	for _, i := range good {
		leads[i] = true
	}
	for len(good) > 0 {
		i := good[len(good)-1]
		good = good[:len(good)-1]
		for _, p := range before[first[i]:first[i+1]] {
			if !leads[p] {
				leads[p] = true
				good = append(good, p)
			}
		}
	}
	return int32(slices.Index(leads, false))
}

// path is the moves that lead to a state. Where actors are put in order, they may change their numbers on the way.
func (m *Model[S]) path(states []S, from []int32, i int32) (out []string) {
	for ; i != 0; i = from[i] {
		name := ""
		m.Next(&states[from[i]], func(move Move, n S) {
			if name == "" && n == states[i] {
				name = move.String()
			}
		})
		out = append(out, name)
	}
	slices.Reverse(out)
	return out
}

// EverySwap exchanges every two steps of an order, neighbours or not, and wants the search to find each exchange bad but for those that
// are harmless, which it wants to be searched whole. Harmless gives the reason of each by the name "A <> B", in the order's order.
func EverySwap[T fmt.Stringer](t *testing.T, order []T, harmless map[string]string, search func(order []T) Found) {
	t.Helper()
	left := maps.Clone(harmless)
	for i := range order {
		for j := i + 1; j < len(order); j++ {
			name := fmt.Sprint(order[i], " <> ", order[j])
			why, fine := left[name]
			delete(left, name)
			swapped := slices.Clone(order)
			swapped[i], swapped[j] = swapped[j], swapped[i]
			found := search(swapped)
			switch {
			case fine && len(found.Path) > 0:
				t.Errorf("%s is said to be harmless (%s), but: %s", name, why, strings.Join(found.Path, "; "))
			case !fine && len(found.Path) == 0:
				t.Errorf("%s: the model missed it in %v (%d states)", name, swapped, found.States)
			case fine:
				t.Logf("%-24s harmless, %d states: %s", name, found.States, why)
			default:
				t.Logf("%-24s found after %d states: %s", name, found.States, strings.Join(found.Path, "; "))
			}
		}
	}
	for name := range left {
		t.Errorf("%s is no exchange of two steps", name)
	}
}
