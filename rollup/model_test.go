package rollup

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/testkit/protocol"
)

// The protocol of recompute (DESIGN D5, docs/adr/0003-parent-marked-after-commit.md) as a model: every interleaving of three ingests
// and two workers over one minute and its hour, with any number of crashes, claims and rounds. A variant of the protocol is safe
// if in every state where nothing can move any more (no marks, no worker busy) the newest committed hour equals the calls.
//
// The model is the reason for the order of the steps. It has to find the bad orders, too; else it would prove nothing.

type step byte

const (
	stepMarks  step = iota // read the marks M
	stepSeen               // read the highest claim
	stepClaim              // write the next one
	stepRead               // read the settled calls (or the committed minutes)
	stepWrite              // write the block
	stepCommit             // commit the block
	stepParent             // mark the parent
	stepRemove             // remove exactly M
)

func (s step) String() string {
	return [...]string{"marks", "seen", "claim", "read", "write", "commit", "parent", "remove"}[s]
}

var designed = []step{stepMarks, stepSeen, stepClaim, stepRead, stepWrite, stepCommit, stepParent, stepRemove}

const (
	levels  = 2 // minute, hour
	ingests = 3
)

type block struct{ n, value uint8 }

type busy struct {
	pc      uint8 // index into the order of steps + 1; 0 = idle
	level   uint8
	n       uint8
	value   uint8
	block   block // that is written
	written bool
}

func (w *busy) key() uint64 {
	k := uint64(w.pc)<<40 | uint64(w.level)<<32 | uint64(w.n)<<24 | uint64(w.value)<<16 | uint64(w.block.n)<<8 | uint64(w.block.value)<<4
	if w.written {
		k++
	}
	return k
}

type state struct {
	calls, marked uint8 // by the ingests: stored, and of these marked
	marks         [levels]protocol.Marks
	claimed       [levels]uint8
	newest        [levels]block // committed; n = 0: none, or by a worker that had not looked
	worker        [2]busy
}

// same is the state as all that are like it: claims as ranks, the workers in order.
func (s *state) same() {
	for l := range levels {
		claims := protocol.Ranked(&s.claimed[l])
		claims.And(&s.newest[l].n)
		for i := range s.worker {
			if w := &s.worker[i]; w.pc != 0 && int(w.level) == l {
				claims.And(&w.n)
				claims.And(&w.block.n)
			}
		}
		claims.Rank()
	}
	a, b := s.worker[0].key(), s.worker[1].key()
	m := [levels]protocol.Marks{s.marks[0].Mirrored(), s.marks[1].Mirrored()}
	if a > b || a == b && (m[0] < s.marks[0] || m[0] == s.marks[0] && m[1] < s.marks[1]) {
		s.worker[0], s.worker[1], s.marks = s.worker[1], s.worker[0], m
	}
}

func (s *state) judge() protocol.Verdict {
	switch {
	case s.worker != [2]busy{} || s.marked != ingests || s.marks != [levels]protocol.Marks{}:
		return protocol.Going
	case s.newest[0].value != s.calls || s.newest[1].value != s.calls:
		return protocol.Bad
	}
	return protocol.Good
}

// do has worker i do its next step. Loses: of two revisions under one number chance says which is above.
func (s state) do(i int, order []step, loses bool) state {
	w := &s.worker[i]
	l := int(w.level)
	switch order[w.pc-1] {
	case stepMarks:
		s.marks[l] = s.marks[l].Read(i)
	case stepSeen:
		w.n = s.claimed[l] + 1
	case stepClaim:
		s.claimed[l] = max(s.claimed[l], w.n)
	case stepRead:
		w.value = s.calls
		if l == 1 {
			w.value = s.newest[0].value
		}
	case stepWrite:
		w.block, w.written, w.value = block{w.n, w.value}, true, 0
	case stepCommit:
		if old := s.newest[l]; w.written && (w.block.n > old.n || w.block.n == old.n && !loses) {
			s.newest[l] = w.block
		}
		w.block, w.written = block{}, false // nobody needs it any more
	case stepParent:
		if l == 0 {
			s.marks[1] = s.marks[1].Add()
		}
	case stepRemove:
		s.marks[l] = s.marks[l].Remove(i)
	}
	if w.pc++; int(w.pc) > len(order) {
		s.end(i)
	}
	return s
}

func (s *state) end(i int) {
	l := s.worker[i].level
	s.marks[l] = s.marks[l].Forget(i)
	s.worker[i] = busy{}
}

func (s *state) next(order []step, yield func(protocol.Move, state)) {
	move := func(who, where int, what string, n state) {
		n.same()
		yield(protocol.Move{What: what, Who: who, Where: where}, n)
	}
	if s.calls < ingests {
		n := *s
		n.calls++
		move(-1, -1, "a call is stored", n)
	}
	if s.marked < s.calls {
		n := *s
		n.marked++
		n.marks[0] = n.marks[0].Add()
		move(-1, -1, "a call is marked", n)
	}
	for i := range s.worker {
		w := &s.worker[i]
		l := int(w.level)
		if w.pc == 0 {
			for l := range levels {
				if s.marks[l].Any() {
					n := *s
					n.worker[i] = busy{pc: 1, level: uint8(l)}
					move(i, l, "starts", n)
				}
			}
			continue
		}
		what := order[w.pc-1]
		move(i, l, what.String(), s.do(i, order, false))
		if what == stepCommit && w.block.n == s.newest[l].n {
			move(i, l, "commits below its twin", s.do(i, order, true))
		}
		n := *s
		n.end(i)
		move(i, l, "crashes", n)
	}
}

func search(order []step) protocol.Found {
	m := protocol.Model[state]{Next: func(s *state, yield func(protocol.Move, state)) { s.next(order, yield) }, Judge: (*state).judge}
	return m.Search()
}

func TestModelOfTheDesignedOrder(t *testing.T) {
	found := search(designed)
	t.Logf("%d states, no stale end", found.States)
	require.Empty(t, found.Path)
	require.Greater(t, found.States, 10_000)
}

func TestModelFindsEverySwap(t *testing.T) {
	protocol.EverySwap(t, designed, map[string]string{}, search)
}
