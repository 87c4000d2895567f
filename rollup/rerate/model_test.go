package rerate

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// The protocol of a run over one hour (docs/adr/0007-rerate.md) as a model, searched breadth first: every interleaving of two
// processes at one run, one rollup worker, and crashes after which the run is resumed. A variant is safe if nobody finds reports of
// the run of which nothing says who wrote them, and in every state where nothing can move any more the report has its new amount, the
// total has it, and the trail says by how much it changed.
//
// The model is the reason for the order of the steps. It has to find the bad orders, too; else it would prove nothing.

type step byte

const (
	stepRead     step = iota // read the report, rate it again
	stepIntents              // write its new amount beside the ledger
	stepChanges              // write what changes
	stepPrepared             // note that the hour is prepared
	stepWrite                // write the report from what was prepared
	stepMark                 // mark its minute
	stepWritten              // note that the hour is written
)

func (s step) String() string {
	return [...]string{"read", "intents", "changes", "prepared", "write", "mark", "written"}[s]
}

var designed = []step{stepRead, stepIntents, stepChanges, stepPrepared, stepWrite, stepMark, stepWritten}

type process struct {
	pc      uint8 // index into the order + 1; 0: idle
	differs bool  // what it read has the old amount
}

type hourState struct {
	intent, prepared, written bool
	changed                   int8 // what the trail says; -1: nothing
	report, total             bool // have the new amount
	marks, nextMark           uint8
	rollup                    struct {
		pc    uint8 // 0: idle; 1: has read the marks; 2: has read the report; 3: has committed
		marks uint8
		value bool
	}
	process [2]process
	crashes uint8
	lost    bool // a process found reports that nobody has prepared
}

// begin is where a process that looks at the trail starts.
func (s *hourState) begin(order []step) uint8 {
	if !s.prepared {
		return 1
	}
	for i, o := range order {
		if o == stepWrite {
			return uint8(i + 1)
		}
	}
	return 1
}

func (s hourState) do(i int, order []step) (hourState, bool) {
	p := &s.process[i]
	switch order[p.pc-1] {
	case stepRead:
		if s.report { // another process has written it: look at the trail again
			if !s.prepared {
				s.lost = true
			}
			p.pc = s.begin(order)
			if s.written || p.pc == 1 {
				*p = process{}
			}
			return s, true
		}
		p.differs = true
	case stepIntents:
		s.intent = s.intent || p.differs
	case stepChanges:
		s.changed = 0
		if p.differs {
			s.changed = 1
		}
	case stepPrepared:
		s.prepared = true
	case stepWrite:
		s.report = s.report || s.intent
	case stepMark:
		if s.intent {
			if s.nextMark == 8 {
				return s, false
			}
			s.marks |= 1 << s.nextMark
			s.nextMark++
		}
	case stepWritten:
		s.written = true
	}
	if p.pc++; int(p.pc) > len(order) {
		*p = process{}
	}
	return s, true
}

func (s hourState) next(order []step, yield func(string, hourState)) {
	for i := range s.process {
		if s.process[i].pc == 0 {
			if !s.written {
				n := s
				n.process[i].pc = s.begin(order)
				yield(fmt.Sprintf("process %d starts", i), n)
			}
			continue
		}
		if n, ok := s.do(i, order); ok {
			yield(fmt.Sprintf("process %d: %s", i, order[s.process[i].pc-1]), n)
		}
		if s.crashes < 2 {
			n := s
			n.crashes++
			n.process[i] = process{}
			yield(fmt.Sprintf("process %d crashes", i), n)
		}
	}
	n := s
	switch r := &n.rollup; r.pc {
	case 0:
		if s.marks == 0 {
			return
		}
		r.pc, r.marks = 1, s.marks
		yield("rollup reads the marks", n)
	case 1:
		r.pc, r.value = 2, s.report
		yield("rollup reads the report", n)
	case 2:
		r.pc, n.total = 3, r.value
		yield("rollup commits", n)
	case 3:
		n.marks &^= r.marks
		r.pc, r.marks, r.value = 0, 0, false
		yield("rollup removes the marks", n)
	}
}

func (s *hourState) bad() bool {
	if s.lost {
		return true
	}
	rest := s.written && s.process == [2]process{} && s.marks == 0 && s.rollup.pc == 0
	return rest && !(s.report && s.total && s.changed == 1)
}

// search returns the path to a bad state, or nil, and the number of states.
func search(order []step) (path []string, states int) {
	type from struct {
		prev hourState
		what string
	}
	start := hourState{changed: -1}
	seen := map[hourState]from{start: {}}
	for layer := []hourState{start}; len(layer) > 0; {
		var after []hourState
		for _, s := range layer {
			if s.bad() {
				for ; s != start; s = seen[s].prev {
					path = append([]string{seen[s].what}, path...)
				}
				return path, len(seen)
			}
			s.next(order, func(what string, n hourState) {
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
	require.Greater(t, states, 1000)
	t.Logf("%d states, none bad", states)
}

// TestModelFindsEverySwap swaps every two neighbouring steps. Intents and changes may change places: only both before "prepared"
// matters.
func TestModelFindsEverySwap(t *testing.T) {
	for i := range len(designed) - 1 {
		order := append([]step{}, designed...)
		order[i], order[i+1] = order[i+1], order[i]
		t.Run(fmt.Sprintf("%s before %s", order[i], order[i+1]), func(t *testing.T) {
			path, states := search(order)
			t.Logf("%d states; %v", states, path)
			if order[i] == stepChanges && order[i+1] == stepIntents {
				require.Empty(t, path)
				return
			}
			require.NotEmpty(t, path, "the model missed it in %v", order)
		})
	}
}
