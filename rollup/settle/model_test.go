package settle

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/testkit/protocol"
)

// The protocol of settling and rolling up (DESIGN D4 within D5, docs/adr/0027-settling-twice.md) as a model: three reports of one call,
// the first in a minute of its own, come from ingests in any order; two workers settle and roll up; each may sleep anywhere for
// any time and crash anywhere, as often as it likes. A variant is safe if in every state where nothing can move any more the newest
// committed minutes together hold the call once.
//
// The model is the reason for the order of the steps. It has to find the bad orders, too; else it would prove nothing.

type step byte

const (
	stepMarks  step = iota // read the minute's marks M
	stepLook               // read the candidates and what was decided of them
	stepMark               // mark the minutes that a new decision changes, and this one for later
	stepDecide             // write the decision, unless the mark for later is due
	stepAgain              // look again if the decision was to be written
	stepUnmark             // take the marks for later back
	stepSeen               // read the highest claim of the minute
	stepClaim              // write the next one
	stepRead               // read the settled calls
	stepCommit             // write the minute and commit it
	stepRemove             // remove exactly M

	stepReports // read the candidates; stepLook decides by what was read
	stepDecided // read what was decided of them
)

func (s step) String() string {
	return [...]string{"marks", "look", "mark", "decide", "again", "unmark", "seen", "claim", "read", "commit", "remove", "reports", "decided"}[s]
}

var designed = []step{stepMarks, stepLook, stepMark, stepDecide, stepAgain, stepUnmark, stepSeen, stepClaim, stepRead, stepCommit, stepRemove}

// variant is an order, and what of the protocol is left out.
type variant struct {
	order    []step
	once     bool    // nobody looks again
	noLater  bool    // nothing is marked for later
	whenever bool    // a decision is written although its mark for later is due
	minutes  []uint8 // of the reports
	there    uint8   // how many of them are there at the start
}

const reports = 3 // each gives way to those after it

type worker struct {
	pc      uint8 // index into the order of steps + 1; 0 = idle
	minute  uint8
	sees    uint8          // the reports that were there when it looked, as bits
	touched uint8          // minutes whose totals its decision changes
	differs bool           // the stored decision isn't what it decided
	rev     uint8          // of its decision
	was     [reports]uint8 // the decisions that it has read, where it reads them apart from the candidates
	n       uint8
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
	case stepReports:
		w.sees = s.stored
	case stepDecided:
		if v.order[w.pc-3] != stepReports { // they are read next
			w.sees = 1<<reports - 1
		}
		w.was = s.winner
		for r, rev := range s.rev {
			if w.sees>>r&1 != 0 {
				w.rev = max(w.rev, rev+1)
			}
		}
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
	case stepSeen:
		w.n = s.claimed[m] + 1
	case stepClaim:
		s.claimed[m] = max(s.claimed[m], w.n)
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
		what := v.order[w.pc-1]
		move(i, int(w.minute), what.String(), s.do(i, v, false))
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

func search(v variant) protocol.Found {
	start := state{stored: 1<<v.there - 1, marked: 1<<v.there - 1}
	for _, m := range v.minutes[:v.there] {
		start.marks[m] = start.marks[m].Add()
	}
	m := protocol.Model[state]{
		Start: start,
		Next:  func(s *state, yield func(protocol.Move, state)) { s.next(&v, yield) },
		Judge: func(s *state) protocol.Verdict { return s.judge(&v) },
	}
	return m.Search()
}

// One call's reports: two that come in a minute each, and three of a minute, of which the last comes while the others are settled.
var (
	two   = variant{order: designed, minutes: []uint8{0, 1}}
	three = variant{order: designed, minutes: []uint8{0, 0, 0}, there: 2}
)

func TestModelOfTheDesignedOrder(t *testing.T) {
	withoutLater := two
	withoutLater.noLater = true
	for _, v := range []variant{three, withoutLater} {
		found := search(v)
		t.Logf("%d states, no end in which the call isn't there once", found.States)
		require.Empty(t, found.Path)
		require.Greater(t, found.States, 10_000)
	}
}

// TestModelNeedsEachRule: without one of them the call is lost or there twice for good.
func TestModelNeedsEachRule(t *testing.T) {
	for name, leaveOut := range map[string]func(*variant){
		"nobody looks again":                           func(v *variant) { v.once = true },
		"nothing is marked for later":                  func(v *variant) { v.noLater = true },
		"it is written although what it marked is due": func(v *variant) { v.whenever = true },
	} {
		v := three
		leaveOut(&v)
		found := search(v)
		t.Logf("%s: %d states; %v", name, found.States, found.Path)
		require.NotEmpty(t, found.Path, name)
	}
}

// TestModelFindsEverySwap looks at the three reports first, then at the two without marks for later, which are for the three.
func TestModelFindsEverySwap(t *testing.T) {
	two := two
	two.noLater = true
	protocol.EverySwap(t, designed, map[string]string{
		"unmark <> seen": "by then it has looked for the last time, and it has read no calls yet",
	}, func(order []step) protocol.Found {
		v := three
		v.order = order
		if found := search(v); len(found.Path) > 0 {
			return found
		}
		v = two
		v.order = order
		return search(v)
	})
}
