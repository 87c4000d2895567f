package rollup

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// The protocol of recompute (DESIGN D5, docs/adr/0003-parent-marked-after-commit.md) as a model, searched breadth first: every interleaving of two
// ingests and two workers over one minute and its hour, with crashes. A variant of the protocol is safe if in every
// state where nothing can move any more (no marks, no worker busy) the newest committed hour equals the calls.
//
// The model is the reason for the order of the steps. It has to find the bad orders, too; else it would prove nothing.

type step byte

const (
	stepMarks  step = iota // read the marks M
	stepSeen               // read the highest claim
	stepBook               // write the next one
	stepRead               // read the settled calls (or the committed minutes)
	stepWrite              // write the block
	stepParent             // mark the parent
	stepCommit             // commit the block
	stepRemove             // remove exactly M
)

func (s step) String() string {
	return [...]string{"marks", "seen", "book", "read", "write", "parent", "commit", "remove"}[s]
}

var designed = []step{stepMarks, stepSeen, stepBook, stepRead, stepWrite, stepCommit, stepParent, stepRemove}

const (
	levels   = 2 // minute, hour
	ingests  = 2
	workers  = 2
	maxN     = 6
	markBits = 16
)

type block struct {
	n, worker uint8
	value     uint8
	used      bool
	committed bool
}

type busy struct {
	pc    uint8 // index into the order of steps + 1; 0 = idle
	level uint8
	marks uint16
	n     uint8
	value uint8
}

// state is comparable, so it is its own key.
type state struct {
	calls    uint8
	ingested [ingests]uint8 // 0 nothing, 1 call stored, 2 mark written
	marks    [levels]uint16
	nextMark [levels]uint8
	claimed  [levels]uint8
	newest   [levels]block          // newest committed
	open     [levels][workers]block // a worker's uncommitted block
	worker   [workers]busy
	crashes  uint8
}

func (s *state) rest() bool {
	for _, w := range s.worker {
		if w.pc != 0 {
			return false
		}
	}
	for _, i := range s.ingested {
		if i != 2 {
			return false
		}
	}
	return s.marks == [levels]uint16{}
}

// mark writes a mark with an id nobody used before.
func (s *state) mark(level int) bool {
	if s.nextMark[level] >= markBits {
		return false
	}
	s.marks[level] |= 1 << s.nextMark[level]
	s.nextMark[level]++
	return true
}

// do runs one step of worker i; ok is false where the step can't run or leaves the model's bounds.
func (s state) do(i int, order []step) (state, bool) {
	w := &s.worker[i]
	l := int(w.level)
	switch order[w.pc-1] {
	case stepMarks:
		w.marks = s.marks[l]
	case stepSeen:
		w.n = s.claimed[l] + 1
	case stepBook:
		s.claimed[l] = max(s.claimed[l], w.n)
	case stepRead:
		w.value = s.calls
		if l == 1 {
			w.value = s.newest[0].value
		}
	case stepWrite:
		s.open[l][i] = block{n: w.n, worker: uint8(i), value: w.value, used: true}
	case stepParent:
		if l == 0 && !s.mark(1) {
			return s, false
		}
	case stepCommit:
		r := s.open[l][i]
		old := s.newest[l]
		if r.used && (!old.committed || r.n > old.n || r.n == old.n && r.worker > old.worker) {
			r.committed = true
			s.newest[l] = r
		}
	case stepRemove:
		s.marks[l] &^= w.marks
	}
	if w.n > maxN {
		return s, false
	}
	if w.pc++; int(w.pc) > len(order) {
		*w = busy{}
		s.open[l][i] = block{}
	}
	return s, true
}

func (s state) next(order []step, crashes uint8, yield func(string, state)) {
	for i := range s.ingested {
		if s.ingested[i] == 0 {
			n := s
			n.calls++
			n.ingested[i] = 1
			yield(fmt.Sprintf("ingest %d stores its call", i), n)
		}
		if s.ingested[i] == 1 {
			n := s
			n.ingested[i] = 2
			if n.mark(0) {
				yield(fmt.Sprintf("ingest %d marks the minute", i), n)
			}
		}
	}
	for i := range s.worker {
		w := s.worker[i]
		if w.pc == 0 {
			for l := range levels {
				if s.marks[l] != 0 {
					n := s
					n.worker[i] = busy{pc: 1, level: uint8(l)}
					yield(fmt.Sprintf("worker %d starts level %d", i, l), n)
				}
			}
			continue
		}
		if n, ok := s.do(i, order); ok {
			yield(fmt.Sprintf("worker %d level %d %s", i, w.level, order[w.pc-1]), n)
		}
		if s.crashes < crashes {
			n := s
			n.crashes++
			n.worker[i] = busy{}
			n.open[w.level][i] = block{}
			yield(fmt.Sprintf("worker %d crashes", i), n)
		}
	}
}

// search returns the path to a stale end, or nil, and the number of states.
func search(order []step, crashes uint8) (path []string, states int) {
	type from struct {
		prev state
		what string
	}
	start := state{}
	seen := map[state]from{start: {}}
	for layer := []state{start}; len(layer) > 0; {
		var found *state
		var after []state
		for _, s := range layer {
			if s.rest() && (s.newest[0].value != s.calls || s.newest[1].value != s.calls) {
				found = &s
				break
			}
			s.next(order, crashes, func(what string, n state) {
				if _, ok := seen[n]; !ok {
					seen[n] = from{s, what}
					after = append(after, n)
				}
			})
		}
		if found != nil {
			for s := *found; s != start; s = seen[s].prev {
				path = append([]string{seen[s].what}, path...)
			}
			return path, len(seen)
		}
		layer = after
	}
	return nil, len(seen)
}

func TestModelOfTheDesignedOrder(t *testing.T) {
	path, states := search(designed, 1)
	require.Empty(t, path)
	require.Greater(t, states, 10_000)
	t.Logf("%d states, no stale end", states)
}

// TestModelFindsWrongOrders swaps every two neighbouring steps that depend on each other.
func TestModelFindsWrongOrders(t *testing.T) {
	for name, order := range map[string][]step{
		"parent marked before the commit":     {stepMarks, stepSeen, stepBook, stepRead, stepWrite, stepParent, stepCommit, stepRemove},
		"parent marked before the write":      {stepMarks, stepSeen, stepBook, stepRead, stepParent, stepWrite, stepCommit, stepRemove},
		"marks removed before the parent":     {stepMarks, stepSeen, stepBook, stepRead, stepWrite, stepCommit, stepRemove, stepParent},
		"marks removed before the commit":     {stepMarks, stepSeen, stepBook, stepRead, stepWrite, stepRemove, stepCommit, stepParent},
		"committed before the write":          {stepMarks, stepSeen, stepBook, stepRead, stepCommit, stepWrite, stepParent, stepRemove},
		"claimed after the read":              {stepMarks, stepRead, stepSeen, stepBook, stepWrite, stepCommit, stepParent, stepRemove},
		"claim written after the read":        {stepMarks, stepSeen, stepRead, stepBook, stepWrite, stepCommit, stepParent, stepRemove},
		"marks read after the calls":          {stepSeen, stepBook, stepRead, stepMarks, stepWrite, stepCommit, stepParent, stepRemove},
		"highest claim read before the marks": {stepSeen, stepMarks, stepBook, stepRead, stepWrite, stepCommit, stepParent, stepRemove},
	} {
		t.Run(name, func(t *testing.T) {
			path, states := search(order, 1)
			t.Logf("%d states; %v", states, path)
			require.NotEmpty(t, path, "the model missed a stale end in %v", order)
		})
	}
}
