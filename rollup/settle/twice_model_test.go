package settle

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// Settling one group twice at once (docs/adr/0027-settling-twice.md) as a model, searched breadth first: two reports of one call are
// there and marked, a third one comes; two workers settle and roll up their minute, one of them may crash anywhere, and each may
// sleep between any two steps. Who is about to decide leaves a mark that nobody takes while it is alive: one that is due later. The report that came last stands. Decisions are rows, a report each, under a number above what was
// read; of two rows under one number the one that is written later holds, which is the worse. A variant is safe if at rest the
// committed minute holds the call once.

type twiceStep byte

const (
	twiceMarks  twiceStep = iota // read the minute's marks M
	twiceLook                    // read the reports and their decisions
	twiceMark                    // mark the minute if a decision differs, now and for later
	twiceDecide                  // write the decisions of the whole group if one differs
	twiceAgain                   // if something was written, go back and look again; else take the later mark back
	twiceSeen                    // read the highest claim
	twiceClaim                   // write the next one
	twiceRead                    // add up the calls that stand
	twiceCommit                  // commit the minute
	twiceRemove                  // remove exactly M
)

func (s twiceStep) String() string {
	return [...]string{"marks", "look", "mark", "decide", "look again", "seen", "claim", "read", "commit", "remove"}[s]
}

var designedTwice = []twiceStep{twiceMarks, twiceLook, twiceMark, twiceDecide, twiceAgain, twiceSeen, twiceClaim, twiceRead, twiceCommit, twiceRemove}

const group = 3 // reports

type twiceWorker struct {
	pc, marks uint8
	all       bool // it saw the third report
	loses     [group]bool
	rev       uint8 // the highest of those that it read
	wrote     bool
	later     bool // its mark that is due later
	n, value  uint8
}

type twiceState struct {
	third            uint8 // 0 nothing, 1 stored, 2 marked
	marks, nextMark  uint8
	loses            [group]bool // the stored decisions
	rev              [group]uint8
	claimed, newestN uint8
	newestW, newest  uint8
	worker           [2]twiceWorker
	crashes          uint8
}

func (s *twiceState) mark() bool {
	if s.nextMark == 8 {
		return false
	}
	s.marks |= 1 << s.nextMark
	s.nextMark++
	return true
}

// want is what the group comes to, by who is there: the last one stands.
func want(all bool) [group]bool {
	if all {
		return [group]bool{true, true, false}
	}
	return [group]bool{true, false, false}
}

// twiceRules is a variant of the protocol.
type twiceRules struct {
	order   []twiceStep
	noLater bool // no mark for later
}

func (s twiceState) do(i int, rules twiceRules) (twiceState, bool) {
	w, order := &s.worker[i], rules.order
	verdict := want(w.all)
	members := 2
	if w.all {
		members = group
	}
	differs := w.loses != verdict
	switch order[w.pc-1] {
	case twiceMarks:
		w.marks = s.marks
	case twiceLook:
		w.all, w.loses = s.third > 0, s.loses
		w.rev = slices.Max(s.rev[:])
		if !w.all { // what it doesn't see it doesn't compare
			w.loses[2], w.rev = false, max(s.rev[0], s.rev[1])
		}
	case twiceMark:
		if differs && !s.mark() {
			return s, false
		}
		w.later = w.later || differs && !rules.noLater
	case twiceDecide:
		w.wrote = differs
		for r := range members {
			if rev := w.rev + 1; differs && rev >= s.rev[r] {
				s.loses[r], s.rev[r] = verdict[r], rev
			}
		}
	case twiceAgain:
		if w.wrote {
			w.pc, w.wrote = uint8(1+slices.Index(order, twiceLook)), false
			return s, true
		}
		w.later = false
	case twiceSeen:
		w.n = s.claimed + 1
	case twiceClaim:
		s.claimed = max(s.claimed, w.n)
	case twiceRead:
		w.value = 0
		for r, loses := range s.loses {
			if !loses && (r < 2 || s.third > 0) {
				w.value++
			}
		}
	case twiceCommit:
		if w.n > s.newestN || w.n == s.newestN && uint8(i) >= s.newestW {
			s.newestN, s.newestW, s.newest = w.n, uint8(i), w.value
		}
	case twiceRemove:
		s.marks &^= w.marks
	}
	if w.n > 6 || slices.Max(s.rev[:]) > 6 {
		return s, false
	}
	if w.pc++; int(w.pc) > len(order) {
		return s, s.gone(i)
	}
	return s, true
}

// gone ends a worker; the mark that it left for later is due then.
func (s *twiceState) gone(i int) bool {
	ok := !s.worker[i].later || s.mark()
	s.worker[i] = twiceWorker{}
	return ok
}

func (s twiceState) next(rules twiceRules, yield func(string, twiceState)) {
	n := s
	switch s.third {
	case 0:
		n.third = 1
		yield("the third report is stored", n)
	case 1:
		n.third = 2
		if n.mark() {
			yield("the third report is marked", n)
		}
	}
	for i := range s.worker {
		if s.worker[i].pc == 0 {
			if s.marks != 0 {
				n := s
				n.worker[i].pc = 1
				yield(fmt.Sprintf("worker %d starts", i), n)
			}
			continue
		}
		if n, ok := s.do(i, rules); ok {
			yield(fmt.Sprintf("worker %d: %s", i, rules.order[s.worker[i].pc-1]), n)
		}
		if s.crashes == 0 {
			n := s
			n.crashes = 1
			if n.gone(i) {
				yield(fmt.Sprintf("worker %d crashes", i), n)
			}
		}
	}
}

func searchTwice(rules twiceRules) (path []string, states int) {
	type from struct {
		prev twiceState
		what string
	}
	start := twiceState{marks: 1, nextMark: 1}
	seen := map[twiceState]from{start: {}}
	for layer := []twiceState{start}; len(layer) > 0; {
		var after []twiceState
		for _, s := range layer {
			rest := s.third == 2 && s.marks == 0 && s.worker == [2]twiceWorker{}
			if rest && s.newest != 1 {
				for ; s != start; s = seen[s].prev {
					path = append([]string{seen[s].what}, path...)
				}
				return path, len(seen)
			}
			s.next(rules, func(what string, n twiceState) {
				if _, ok := seen[n]; !ok {
					seen[n] = from{s, what}
					after = append(after, n)
				}
			})
		}
		layer = after
	}
	return nil, len(seen)
}

func TestModelOfSettlingTwice(t *testing.T) {
	path, states := searchTwice(twiceRules{order: designedTwice})
	t.Logf("%d states; %v", states, path)
	require.Empty(t, path)
	require.Greater(t, states, 10_000)
}

// TestModelOfSettlingOnce: without the second look an older decision stays, and the call counts twice; so it does where who looks
// again can be stopped before that, and another one is done with all of its marks.
func TestModelOfSettlingOnce(t *testing.T) {
	once := slices.DeleteFunc(slices.Clone(designedTwice), func(s twiceStep) bool { return s == twiceAgain })
	for name, rules := range map[string]twiceRules{"no second look": {order: once}, "no mark for later": {order: designedTwice, noLater: true}} {
		t.Run(name, func(t *testing.T) {
			path, states := searchTwice(rules)
			t.Logf("%d states; %v", states, path)
			require.NotEmpty(t, path)
		})
	}
}

func TestModelOfSettlingTwiceFindsEverySwap(t *testing.T) {
	for i := range len(designedTwice) - 1 {
		order := slices.Clone(designedTwice)
		order[i], order[i+1] = order[i+1], order[i]
		t.Run(fmt.Sprint(order[i], " before ", order[i+1]), func(t *testing.T) {
			path, states := searchTwice(twiceRules{order: order})
			t.Logf("%d states; %v", states, path)
			require.NotEmpty(t, path)
		})
	}
}
