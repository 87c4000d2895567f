package rollup

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/testkit/protocol"
)

// The protocol of adjusting and closing (docs/adr/0006-closing.md) as a model: one hour of January, which is closed; late calls come
// from two ingests; two workers book them in February, while it is open, else in March; somebody closes February; each may crash as
// often as it likes, and a closing that crashed is done again. A variant is safe if at rest all late calls are booked once, and what
// is booked in February is from its closing on what it was closed with.
//
// The model is the reason for the order of the steps. It has to find the bad orders, too; else it would prove nothing.

type bookStepM byte

const (
	bookMarks  bookStepM = iota // read the hour's marks M
	bookSeen                    // read the highest claim, and go no further if it freezes the hour and isn't committed
	bookLook                    // look at the periods: which are closed, after how many changes
	bookClaim                   // write the next claim
	bookWrite                   // read calls and what is kept; write the adjustments
	bookCommit                  // commit them
	bookRemove                  // remove exactly M, if no month was closed since and nobody has claimed above

	closePut    // February is closed
	closeClaim  // claim above every claim that a worker may have read
	closeCopy   // copy what is committed
	closeCommit // commit the copy
	closeTotal  // add up what it was closed with
)

func (s bookStepM) String() string {
	return [...]string{"marks", "seen", "look", "claim", "write", "commit", "remove", "close", "freeze claim", "freeze copy", "freeze commit", "add up"}[s]
}

var (
	designedBooking = []bookStepM{bookMarks, bookSeen, bookLook, bookClaim, bookWrite, bookCommit, bookRemove}
	designedClosing = []bookStepM{closePut, closeClaim, closeCopy, closeCommit, closeTotal}
)

// rulesM is a variant of the protocol: the order of the steps, and what of it is left out.
type rulesM struct {
	booking, closing      []bookStepM
	noWait, ignoresClaims bool
}

var designedBooks = rulesM{booking: designedBooking, closing: designedClosing}

// claimM is a claim: how many freezes are at or below it, and its number among those of one freeze.
type claimM struct{ freeze, n uint8 }

func (c claimM) below(o claimM) bool { return c.freeze < o.freeze || c.freeze == o.freeze && c.n < o.n }

// bookedM is what is committed, or to be.
type bookedM struct {
	at       claimM
	feb, mar uint8
}

type bookerM struct {
	pc      uint8 // index into the order + 1; 0: idle
	at      claimM
	closed  bool // February was, when it looked
	changed bool // a month was closed since
	rows    bookedM
}

func (w *bookerM) key() (k uint64) {
	for _, n := range []uint8{w.pc, w.at.freeze, w.at.n, w.rows.at.freeze, w.rows.at.n, w.rows.feb, w.rows.mar} {
		k = k<<6 | uint64(n)
	}
	for _, is := range []bool{w.closed, w.changed} {
		k <<= 1
		if is {
			k++
		}
	}
	return k
}

type booksM struct {
	calls, marked uint8
	marks         protocol.Marks
	closed, added bool
	feb           uint8 // what February was closed with
	claimed       claimM
	newest        bookedM
	worker        [2]bookerM
	closer        struct {
		pc   uint8
		rows bookedM
	}
	bad bool
}

const lateCalls = 2

// same is the state as all that are like it: claims as ranks, the workers in order.
func (s *booksM) same() {
	all := []*claimM{&s.claimed, &s.newest.at, &s.worker[0].at, &s.worker[0].rows.at, &s.worker[1].at, &s.worker[1].rows.at, &s.closer.rows.at}
	// Freezes that nobody has a claim of any more are as if they had not been.
	used := [9]bool{0: true}
	for _, c := range all {
		used[c.freeze] = true
	}
	var rank [9]uint8
	next := uint8(0)
	for f, is := range used {
		if rank[f] = next; is {
			next++
		}
	}
	for _, c := range all {
		c.freeze = rank[c.freeze]
	}
	for f := range next {
		var none uint8
		highest := &none
		if s.claimed.freeze == f {
			highest = &s.claimed.n
		} else {
			for _, c := range all {
				if c.freeze == f {
					none = max(none, c.n)
				}
			}
		}
		claims := protocol.Ranked(highest)
		for _, c := range all {
			if c.freeze == f && &c.n != highest {
				claims.And(&c.n)
			}
		}
		claims.Rank()
	}
	a, b := s.worker[0].key(), s.worker[1].key()
	if m := s.marks.Mirrored(); a > b || a == b && m < s.marks {
		s.worker[0], s.worker[1], s.marks = s.worker[1], s.worker[0], m
	}
}

// commit makes rows the newest, if their claim is the highest that is committed. Loses: of two of one claim chance says which is.
func (s *booksM) commit(b bookedM, loses bool) {
	if s.newest.at.below(b.at) || s.newest.at == b.at && !loses {
		s.newest = b
		s.bad = s.bad || s.added && b.feb != s.feb
	}
}

func (s booksM) book(i int, rules *rulesM, loses bool) booksM {
	w := &s.worker[i]
	step := rules.booking[w.pc-1]
	w.pc++
	switch step {
	case bookMarks:
		s.marks = s.marks.Read(i)
	case bookSeen:
		if !rules.noWait && s.claimed.freeze > s.newest.at.freeze { // a closing is at it: the marks stay
			s.end(i)
			return s
		}
		w.at = claimM{s.claimed.freeze, s.claimed.n + 1}
	case bookLook:
		w.closed, w.changed = s.closed, false
	case bookClaim:
		if s.claimed.below(w.at) {
			s.claimed = w.at
		}
	case bookWrite:
		w.rows = bookedM{at: w.at, feb: s.calls}
		if w.closed {
			w.rows.feb, w.rows.mar = s.newest.feb, s.calls-s.newest.feb
		}
		w.closed = false
	case bookCommit:
		s.commit(w.rows, loses)
		w.rows = bookedM{} // nobody needs it any more
	case bookRemove:
		if !w.changed && (!w.at.below(s.claimed) || rules.ignoresClaims) {
			s.marks = s.marks.Remove(i)
		}
	}
	if int(w.pc) > len(rules.booking) {
		s.end(i)
	}
	return s
}

func (s *booksM) end(i int) { s.worker[i], s.marks = bookerM{}, s.marks.Forget(i) }

func (s booksM) close(rules *rulesM) booksM {
	c := &s.closer
	switch rules.closing[c.pc-1] {
	case closePut:
		s.closed = true
		for i := range s.worker {
			s.worker[i].changed = s.worker[i].pc != 0
		}
	case closeClaim:
		c.rows.at = claimM{freeze: s.claimed.freeze + 1}
		s.claimed = c.rows.at
	case closeCopy:
		c.rows.feb, c.rows.mar = s.newest.feb, s.newest.mar
	case closeCommit:
		s.commit(c.rows, false)
		c.rows = bookedM{}
	case closeTotal:
		s.added, s.feb = true, s.newest.feb
	}
	if c.pc++; int(c.pc) > len(rules.closing) {
		c.pc, c.rows = 0, bookedM{}
	}
	return s
}

func (s *booksM) next(rules *rulesM, yield func(protocol.Move, booksM)) {
	move := func(who int, what string, n booksM) {
		n.same()
		yield(protocol.Move{What: what, Who: who, Where: -1}, n)
	}
	if s.calls < lateCalls {
		n := *s
		n.calls++
		move(-1, "a call is stored", n)
	}
	if s.marked < s.calls {
		n := *s
		n.marked++
		n.marks = n.marks.Add()
		move(-1, "a call is marked", n)
	}
	for i := range s.worker {
		n := *s
		if s.worker[i].pc == 0 {
			if s.marks.Any() {
				n.worker[i].pc = 1
				move(i, "starts", n)
			}
			continue
		}
		what := rules.booking[s.worker[i].pc-1]
		move(i, what.String(), s.book(i, rules, false))
		if what == bookCommit && s.worker[i].rows.at == s.newest.at {
			move(i, "commits below its twin", s.book(i, rules, true))
		}
		n.end(i)
		move(i, "crashes", n)
	}
	n := *s
	if s.closer.pc == 0 {
		if !s.added {
			n.closer.pc, n.closer.rows = 1, bookedM{}
			move(-1, "the closing starts", n)
		}
		return
	}
	move(-1, rules.closing[s.closer.pc-1].String(), s.close(rules))
	n.closer.pc, n.closer.rows = 0, bookedM{}
	move(-1, "the closing crashes", n)
}

func (s *booksM) judge() protocol.Verdict {
	rest := s.marked == lateCalls && s.marks == 0 && s.worker == [2]bookerM{} && s.closer.pc == 0 && s.added
	switch {
	case s.bad || rest && s.newest.feb+s.newest.mar != s.calls:
		return protocol.Bad
	case rest:
		return protocol.Good
	}
	return protocol.Going
}

func searchBooks(rules rulesM) protocol.Found {
	m := protocol.Model[booksM]{Next: func(s *booksM, yield func(protocol.Move, booksM)) { s.next(&rules, yield) }, Judge: (*booksM).judge}
	return m.Search()
}

func TestModelOfClosing(t *testing.T) {
	found := searchBooks(designedBooks)
	t.Logf("%d states", found.States)
	require.Empty(t, found.Path)
	require.Greater(t, found.States, 10_000)
}

// TestModelOfClosingNeedsItsRules: a worker that claims above a freeze that isn't committed may keep what a slower one books below
// it, which the freeze doesn't have; and what a freeze above it doesn't have is lost if its marks are removed.
func TestModelOfClosingNeedsItsRules(t *testing.T) {
	for name, leaveOut := range map[string]func(*rulesM){
		"a worker doesn't wait for a freeze":                func(r *rulesM) { r.noWait = true },
		"marks are removed although somebody claimed above": func(r *rulesM) { r.ignoresClaims = true },
	} {
		rules := designedBooks
		leaveOut(&rules)
		found := searchBooks(rules)
		t.Logf("%s: %d states; %v", name, found.States, found.Path)
		require.NotEmpty(t, found.Path, name)
	}
}

func TestModelOfClosingFindsEverySwap(t *testing.T) {
	protocol.EverySwap(t, designedBooking, map[string]string{
		"look <> claim": "the look has to come after the highest claim is read, not before the next one is written",
	}, func(order []bookStepM) protocol.Found {
		return searchBooks(rulesM{booking: order, closing: designedClosing})
	})
	protocol.EverySwap(t, designedClosing, map[string]string{
		"close <> freeze claim": "workers wait for the freeze; what stops in between would hold up an hour of a month that nobody closes",
	}, func(order []bookStepM) protocol.Found {
		return searchBooks(rulesM{booking: designedBooking, closing: order})
	})
}
