package settle

import (
	"slices"

	"github.com/tollkeeper/tollkeeper/internal/testkit/protocol"
)

// look has a worker decide by the reports that are there, if one is of its minute. The last of them stands.
func (s *state) look(v *variant, w *worker) {
	w.sees, w.touched, w.rev, w.differs = 0, 0, 0, false
	here, last := false, uint8(0)
	for r := range uint8(reports) {
		if s.stored>>r&1 != 0 {
			here, last = here || v.minutes[r] == w.minute, r+1
		}
	}
	if !here {
		return
	}
	w.sees = s.stored
	for r := range uint8(reports) {
		if w.sees>>r&1 == 0 {
			continue
		}
		w.rev = max(w.rev, s.rev[r]+1)
		if s.winner[r] != decided(r, last) {
			w.differs = true
			w.touched |= 1 << v.minutes[r]
		}
	}
	if !w.differs {
		w.sees, w.rev = 0, 0
	}
}

// decided is whom a report gives way to, + 1, where the last that is seen is last - 1.
func decided(r, last uint8) uint8 {
	if r+1 == last {
		return 0
	}
	return last
}

// decide writes a worker's decision, where no higher one is stored. Loses: of two of one number chance says which holds.
func (s *state) decide(w *worker, loses bool) {
	last := uint8(0)
	for r := range uint8(reports) {
		if w.sees>>r&1 != 0 {
			last = r + 1
		}
	}
	for r := range uint8(reports) {
		if w.sees>>r&1 != 0 && (w.rev > s.rev[r] || w.rev == s.rev[r] && !loses) {
			s.winner[r], s.rev[r] = decided(r, last), w.rev
		}
	}
}

// do has worker i do its next step.
func (s state) do(i int, v *variant, loses bool) state {
	w := &s.worker[i]
	m := w.minute
	step := v.order[w.pc-1]
	w.pc++
	switch step {
	case stepMarks:
		s.each(m, func(marks *protocol.Marks) { *marks = marks.Read(i) })
	case stepReports, stepOwn, stepOthers:
		of := v.reads(step, m)
		w.sees = w.sees&^of | s.stored&of
	case stepDecided:
		s.readDecided(v, w)
	case stepLook:
		if slices.Contains(v.order, stepDecided) {
			s.lookApart(v, w)
		} else {
			s.look(v, w)
		}
	case stepMark:
		for m := range uint8(2) {
			if w.differs && w.touched>>m&1 != 0 {
				s.marks[m] = s.marks[m].Add()
			}
		}
		w.later = w.differs && !v.noLater
	case stepDecide:
		if w.differs && (!w.dead || v.whenever) {
			s.decide(w, loses)
		}
	case stepAgain:
		if w.differs && !v.once {
			w.older, w.later, w.dead = w.older || w.later, false, false
			w.sees, w.touched, w.rev, w.differs = 0, 0, 0, false
			w.pc = uint8(slices.IndexFunc(v.order, looks) + 1)
		}
	case stepUnmark:
		w.later, w.older, w.due = false, false, 0
	case stepSeen, stepClaim:
		s.claim(w, step)
	case stepRead:
		w.value = s.counts(v, m)
	case stepCommit:
		if w.n > s.newestN[m] || w.n == s.newestN[m] && !loses {
			s.newestN[m], s.newest[m] = w.n, w.value
		}
		w.value = 0 // nobody needs it any more
	case stepRemove:
		s.each(m, func(marks *protocol.Marks) { *marks = marks.Remove(i) })
	}
	if int(w.pc) > len(v.order) {
		s.end(i)
	}
	return s
}

// each goes through all that is marked and due of a minute.
func (s *state) each(minute uint8, do func(*protocol.Marks)) {
	do(&s.marks[minute])
	for i := range s.worker {
		if w := &s.worker[i]; w.pc != 0 && w.minute == minute {
			do(&w.due)
		}
	}
}

// end has a worker end or crash: what it has marked stays.
func (s *state) end(i int) {
	w := &s.worker[i]
	m := w.minute
	s.marks[m] |= w.due
	s.later[m] = s.later[m] || w.later || w.older
	s.worker[i] = worker{}
	s.each(m, func(marks *protocol.Marks) { *marks = marks.Forget(i) })
}

func (s *state) next(v *variant, yield func(protocol.Move, state)) {
	move := func(who, where int, what string, n state) {
		n.same()
		yield(protocol.Move{What: what, Who: who, Where: where}, n)
	}
	for r, m := range v.minutes {
		n := *s
		switch {
		case s.stored>>r&1 == 0:
			n.stored |= 1 << r
			move(-1, r, "a report is stored", n)
		case s.marked>>r&1 == 0:
			n.marked |= 1 << r
			n.marks[m] = n.marks[m].Add()
			move(-1, r, "a report is marked", n)
		}
	}
	for m := range s.later {
		if s.later[m] {
			n := *s
			n.later[m], n.marks[m] = false, n.marks[m].Add()
			move(-1, m, "what was marked for later is due", n)
		}
	}
	for i := range s.worker {
		w := &s.worker[i]
		if w.pc == 0 {
			for m := range s.marks {
				any := false
				s.each(uint8(m), func(marks *protocol.Marks) { any = any || marks.Any() })
				if any {
					n := *s
					n.worker[i] = worker{pc: 1, minute: uint8(m)}
					move(i, m, "starts", n)
				}
			}
			continue
		}
		if what, n, ok := s.doBeside(i, v); ok {
			move(i, int(w.minute), what.String(), n)
		}
		what := v.order[w.pc-1]
		if what != stepRead || int(w.beside) == len(v.beside) {
			move(i, int(w.minute), what.String(), s.do(i, v, false))
		}
		if what == stepDecide || what == stepCommit {
			if n := s.do(i, v, true); n != s.do(i, v, false) {
				move(i, int(w.minute), what.String()+", below its twin", n)
			}
		}
		n := *s
		n.end(i)
		move(i, int(w.minute), "crashes", n)
		if w.older || w.later { // the older ones are due first
			n := *s
			l := &n.worker[i]
			l.due = l.due.Add()
			if l.older {
				l.older = false
			} else {
				l.later, l.dead = false, true
			}
			move(i, int(w.minute), "what it marked for later is due", n)
		}
	}
}
