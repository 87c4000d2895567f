package settle

import (
	"slices"

	"github.com/tollkeeper/tollkeeper/internal/testkit/protocol"
)

type worker struct {
	pc      uint8 // index into the order of steps + 1; 0 = idle
	minute  uint8
	sees    uint8          // the reports that were there when it looked, as bits
	touched uint8          // minutes whose totals its decision changes
	differs bool           // the stored decision isn't what it decided
	rev     uint8          // of its decision
	was     [reports]uint8 // the decisions that it has read, where it reads them apart from the candidates
	n       uint8
	beside  uint8 // steps of claiming that it has done beside settling
	value   uint8
	later   bool           // the mark for later of this look isn't due yet
	dead    bool           // it has become due
	older   bool           // one of an earlier look isn't due yet
	due     protocol.Marks // its marks for later that are due
}

type state struct {
	stored, marked uint8          // reports, as bits
	winner         [reports]uint8 // that is stored for each: whom it gives way to, + 1; 0: it stands
	rev            [reports]uint8
	marks          [2]protocol.Marks
	later          [2]bool // of workers that are gone
	claimed        [2]uint8
	newestN        [2]uint8
	newest         [2]uint8
	worker         [2]worker
}

// same is the state as all that are like it: claims and revisions as ranks, the workers in order.
func (s *state) same() {
	for m := range s.marks {
		claims := protocol.Ranked(&s.claimed[m])
		claims.And(&s.newestN[m])
		for i := range s.worker {
			if w := &s.worker[i]; w.pc != 0 && int(w.minute) == m {
				claims.And(&w.n)
			}
		}
		claims.Rank()
	}
	s.lower()
	a, b := s.worker[0].key(), s.worker[1].key()
	m := [2]protocol.Marks{s.marks[0].Mirrored(), s.marks[1].Mirrored()}
	if a > b || a == b && (m[0] < s.marks[0] || m[0] == s.marks[0] && m[1] < s.marks[1]) {
		s.worker[0], s.worker[1], s.marks = s.worker[1], s.worker[0], m
		s.worker[0].due, s.worker[1].due = s.worker[0].due.Mirrored(), s.worker[1].due.Mirrored()
	}
}

// lower takes from all revisions what they have in common. One that is below all that it could replace is none.
func (s *state) lower() {
	for i := range s.worker {
		w := &s.worker[i]
		dead := w.rev > 0
		for r, rev := range s.rev {
			dead = dead && (w.sees>>r&1 == 0 || w.rev < rev)
		}
		if dead {
			w.rev = 0
		}
	}
	least := slices.Min(s.rev[:])
	for _, w := range s.worker {
		if w.rev > 0 {
			least = min(least, w.rev)
		}
	}
	if least <= 1 {
		return
	}
	for r := range s.rev {
		s.rev[r] -= least - 1
	}
	for i := range s.worker {
		if w := &s.worker[i]; w.rev > 0 {
			w.rev -= least - 1
		}
	}
}

func (w *worker) key() (k uint64) {
	for _, n := range []uint8{w.pc, w.minute, w.sees, w.touched, w.rev, w.n, w.value} {
		k = k<<7 | uint64(n)
	}
	k = k<<2 | uint64(w.beside)
	for _, winner := range w.was {
		k = k<<2 | uint64(winner)
	}
	for _, is := range []bool{w.differs, w.later, w.dead, w.older} {
		k <<= 1
		if is {
			k++
		}
	}
	return k
}

// counts is how many of a minute's reports stand.
func (s *state) counts(v *variant, minute uint8) (n uint8) {
	for r, m := range v.minutes {
		if m == minute && s.stored>>r&1 != 0 && s.winner[r] == 0 {
			n++
		}
	}
	return n
}

func (s *state) judge(v *variant) protocol.Verdict {
	all := uint8(1)<<len(v.minutes) - 1
	switch {
	case s.worker != [2]worker{} || s.marked != all || s.marks != [2]protocol.Marks{} || s.later != [2]bool{}:
		return protocol.Going
	case s.newest[0]+s.newest[1] != 1:
		return protocol.Bad
	}
	return protocol.Good
}
