package settle

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// The protocol of settling and rolling up (DESIGN D4 within D5) as a model, searched breadth first: two reports of one call,
// in a minute each, come from two ingests; two workers settle and roll up; one of them may crash anywhere. A variant is safe
// if in every state where nothing can move any more the newest committed minutes together hold the call once.
//
// The model is the reason for the order of the steps. It has to find the bad orders, too; else it would prove nothing.

type step byte

const (
	stepMarks  step = iota // read the minute's marks M
	stepLook               // read the candidates and what was decided of them
	stepMark               // mark the minutes that a new decision changes
	stepDecide             // write the decision
	stepSeen               // read the highest claim of the minute
	stepClaim              // write the next one
	stepRead               // read the settled calls
	stepCommit             // write the minute and commit it
	stepRemove             // remove exactly M
)

func (s step) String() string {
	return [...]string{"marks", "look", "mark", "decide", "seen", "claim", "read", "commit", "remove"}[s]
}

var designed = []step{stepMarks, stepLook, stepMark, stepDecide, stepSeen, stepClaim, stepRead, stepCommit, stepRemove}

const (
	workers  = 2
	loser    = 0 // the report of minute 0 gives way to that of minute 1
	maxN     = 7
	markBits = 8
)

type worker struct {
	pc      uint8 // index into the order of steps + 1; 0 = idle
	minute  uint8
	marks   uint8
	seen    bool  // both reports were there when it looked
	differs bool  // the stored decision isn't what it decided
	rev     uint8 // of the decision it read
	n       uint8
	value   uint8
}

type state struct {
	ingested [2]uint8 // 0 nothing, 1 report and candidate stored, 2 marked
	marks    [2]uint8
	nextMark [2]uint8
	loses    bool  // the stored decision
	rev      uint8 // its revision
	claimed  [2]uint8
	newestN  [2]uint8
	newestW  [2]uint8
	newest   [2]uint8
	worker   [workers]worker
	crashes  uint8
}

func (s *state) rest() bool {
	return s.worker == [workers]worker{} && s.ingested == [2]uint8{2, 2} && s.marks == [2]uint8{}
}

func (s *state) mark(minute int) bool {
	if s.nextMark[minute] >= markBits {
		return false
	}
	s.marks[minute] |= 1 << s.nextMark[minute]
	s.nextMark[minute]++
	return true
}

// do runs one step of worker i; ok is false where the step leaves the model's bounds.
func (s state) do(i int, order []step) (state, bool) {
	w := &s.worker[i]
	m := int(w.minute)
	switch order[w.pc-1] {
	case stepMarks:
		w.marks = s.marks[m]
	case stepLook:
		w.seen = s.ingested[0] > 0 && s.ingested[1] > 0
		w.rev, w.differs = s.rev, s.loses != w.seen
	case stepMark:
		if w.differs && !s.mark(loser) {
			return s, false
		}
	case stepDecide:
		if rev := w.rev + 1; w.differs && rev >= s.rev { // of two with one number either may hold: the worse is modelled
			s.loses, s.rev = w.seen, rev
		}
	case stepSeen:
		w.n = s.claimed[m] + 1
	case stepClaim:
		s.claimed[m] = max(s.claimed[m], w.n)
	case stepRead:
		w.value = 0
		if s.ingested[m] > 0 && !(m == loser && s.loses) {
			w.value = 1
		}
	case stepCommit:
		if w.n > s.newestN[m] || w.n == s.newestN[m] && uint8(i) >= s.newestW[m] {
			s.newestN[m], s.newestW[m], s.newest[m] = w.n, uint8(i), w.value
		}
	case stepRemove:
		s.marks[m] &^= w.marks
	}
	if w.n > maxN || s.rev > maxN {
		return s, false
	}
	if w.pc++; int(w.pc) > len(order) {
		*w = worker{}
	}
	return s, true
}

func (s state) next(order []step, yield func(string, state)) {
	for i := range s.ingested {
		n := s
		switch s.ingested[i] {
		case 0:
			n.ingested[i] = 1
			yield(fmt.Sprintf("report %d is stored", i), n)
		case 1:
			n.ingested[i] = 2
			if n.mark(i) {
				yield(fmt.Sprintf("minute %d is marked", i), n)
			}
		}
	}
	for i := range s.worker {
		w := s.worker[i]
		if w.pc == 0 {
			for m := range s.marks {
				if s.marks[m] != 0 {
					n := s
					n.worker[i] = worker{pc: 1, minute: uint8(m)}
					yield(fmt.Sprintf("worker %d starts minute %d", i, m), n)
				}
			}
			continue
		}
		if n, ok := s.do(i, order); ok {
			yield(fmt.Sprintf("worker %d minute %d: %s", i, w.minute, order[w.pc-1]), n)
		}
		if s.crashes == 0 {
			n := s
			n.crashes = 1
			n.worker[i] = worker{}
			yield(fmt.Sprintf("worker %d crashes", i), n)
		}
	}
}

// search returns the path to an end in which the call isn't there once, or nil, and the number of states.
func search(order []step) (path []string, states int) {
	type from struct {
		prev state
		what string
	}
	start := state{}
	seen := map[state]from{start: {}}
	for layer := []state{start}; len(layer) > 0; {
		var after []state
		for _, s := range layer {
			if s.rest() && s.newest[0]+s.newest[1] != 1 {
				for ; s != start; s = seen[s].prev {
					path = append([]string{seen[s].what}, path...)
				}
				return path, len(seen)
			}
			s.next(order, func(what string, n state) {
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

func TestModelOfTheDesignedOrder(t *testing.T) {
	path, states := search(designed)
	require.Empty(t, path)
	require.Greater(t, states, 10_000)
	t.Logf("%d states, no end in which the call isn't there once", states)
}

// TestModelOfALaterDecision: once the minutes are marked, the decision may come after the read; it only costs another round.
func TestModelOfALaterDecision(t *testing.T) {
	path, _ := search([]step{stepMarks, stepLook, stepSeen, stepClaim, stepRead, stepMark, stepDecide, stepCommit, stepRemove})
	require.Empty(t, path)
}

// TestModelFindsWrongOrders swaps steps that depend on each other.
func TestModelFindsWrongOrders(t *testing.T) {
	for name, order := range map[string][]step{
		"decided before the minutes are marked":   {stepMarks, stepLook, stepDecide, stepMark, stepSeen, stepClaim, stepRead, stepCommit, stepRemove},
		"the minutes are never marked":            {stepMarks, stepLook, stepDecide, stepSeen, stepClaim, stepRead, stepCommit, stepRemove},
		"marks read after the candidates":         {stepLook, stepMarks, stepMark, stepDecide, stepSeen, stepClaim, stepRead, stepCommit, stepRemove},
		"decided after the commit":                {stepMarks, stepSeen, stepClaim, stepRead, stepCommit, stepLook, stepMark, stepDecide, stepRemove},
		"marks removed before the decision":       {stepMarks, stepLook, stepRemove, stepMark, stepDecide, stepSeen, stepClaim, stepRead, stepCommit},
		"marks removed before the commit":         {stepMarks, stepLook, stepMark, stepDecide, stepSeen, stepClaim, stepRead, stepRemove, stepCommit},
		"claimed after the calls are read":        {stepMarks, stepLook, stepMark, stepDecide, stepRead, stepSeen, stepClaim, stepCommit, stepRemove},
		"looked at the candidates after deciding": {stepMarks, stepMark, stepDecide, stepLook, stepSeen, stepClaim, stepRead, stepCommit, stepRemove},
	} {
		t.Run(name, func(t *testing.T) {
			path, states := search(order)
			t.Logf("%d states; %v", states, path)
			require.NotEmpty(t, path, "the model missed it in %v", order)
		})
	}
}
