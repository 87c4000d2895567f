package rerate

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/testkit/protocol"
)

// The protocol of a run over one hour (docs/adr/0007-rerate.md) as a model: every interleaving of two processes at one run, one rollup
// worker, and any number of crashes after which the run is resumed. A variant is safe if nobody finds reports of
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
	marks                     protocol.Marks
	rollup                    struct {
		pc    uint8 // 0: idle; 1: has read the marks; 2: has read the report; 3: has committed
		value bool
	}
	process [2]process
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

func (s hourState) do(i int, order []step) hourState {
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
			return s
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
			s.marks = s.marks.Add()
		}
	case stepWritten:
		s.written = true
	}
	if p.pc++; int(p.pc) > len(order) {
		*p = process{}
	}
	return s
}

func (s *hourState) next(order []step, yield func(protocol.Move, hourState)) {
	for i := range s.process {
		n := *s
		if s.process[i].pc == 0 {
			if !s.written {
				n.process[i].pc = s.begin(order)
				yield(protocol.Move{What: "starts", Who: i, Where: -1}, n)
			}
			continue
		}
		yield(protocol.Move{What: order[s.process[i].pc-1].String(), Who: i, Where: -1}, s.do(i, order))
		n.process[i] = process{}
		yield(protocol.Move{What: "crashes", Who: i, Where: -1}, n)
	}
	n := *s
	move := func(what string) { yield(protocol.Move{What: what, Who: -1, Where: -1}, n) }
	switch r := &n.rollup; r.pc {
	case 0:
		if s.marks.Any() {
			r.pc, n.marks = 1, s.marks.Read(0)
			move("rollup reads the marks")
		}
	case 1:
		r.pc, r.value = 2, s.report
		move("rollup reads the report")
	case 2:
		r.pc, n.total = 3, r.value
		move("rollup commits")
	case 3:
		r.pc, r.value, n.marks = 0, false, s.marks.Remove(0)
		move("rollup removes the marks")
	}
}

func (s *hourState) judge() protocol.Verdict {
	rest := s.written && s.process == [2]process{} && s.marks == 0 && s.rollup.pc == 0
	switch {
	case s.lost || rest && !(s.report && s.total && s.changed == 1):
		return protocol.Bad
	case rest:
		return protocol.Good
	}
	return protocol.Going
}

func search(order []step) protocol.Found {
	m := protocol.Model[hourState]{
		Start: hourState{changed: -1},
		Next:  func(s *hourState, yield func(protocol.Move, hourState)) { s.next(order, yield) },
		Judge: (*hourState).judge,
	}
	return m.Search()
}

func TestModelOfTheDesignedOrder(t *testing.T) {
	found := search(designed)
	t.Logf("%d states, none bad", found.States)
	require.Empty(t, found.Path)
	require.Greater(t, found.States, 500)
}

func TestModelFindsEverySwap(t *testing.T) {
	protocol.EverySwap(t, designed, map[string]string{
		"intents <> changes": "only that both are there before prepared matters",
	}, search)
}
