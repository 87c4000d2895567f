package rollup

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// The protocol of adjusting and closing (docs/adr/0006-closing.md) as a model, searched breadth first: one hour of January, which is
// closed; late calls come from two ingests; two workers book them in February, while it is open, else in March; somebody closes
// February; one of them may crash, and a closing that crashed is done again. A variant is safe if at rest all late calls are booked
// once, and what is booked in February is from its closing on what it was closed with.
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

const frozenM = 16 // in the place of firstFrozen

// rulesM is a variant of the protocol: the order of the steps, and what of it is left out.
type rulesM struct {
	booking, closing      []bookStepM
	noWait, ignoresClaims bool
}

var designedBooks = rulesM{booking: designedBooking, closing: designedClosing}

type bookedM struct{ n, worker, feb, mar uint8 }

func (b bookedM) below(o bookedM) bool { return b.n < o.n || b.n == o.n && b.worker <= o.worker }

type bookerM struct {
	pc, marks, n, changes uint8
	closed                bool
	rows                  bookedM
}

type booksM struct {
	calls, marks, nextMark uint8
	ingested               [2]uint8
	changes                uint8
	closed, added          bool
	feb                    uint8 // what February was closed with
	claimed                uint8
	newest                 bookedM
	worker                 [2]bookerM
	closer                 struct {
		pc   uint8
		rows bookedM
	}
	crashes uint8
	bad     bool
}

func (s *booksM) markM() bool {
	if s.nextMark == 8 {
		return false
	}
	s.marks |= 1 << s.nextMark
	s.nextMark++
	return true
}

func (s *booksM) commit(b bookedM) {
	if s.newest.below(b) {
		s.newest = b
		s.bad = s.bad || s.added && b.feb != s.feb
	}
}

func (s booksM) book(i int, rules *rulesM) (booksM, bool) {
	w := &s.worker[i]
	switch rules.booking[w.pc-1] {
	case bookMarks:
		w.marks = s.marks
	case bookSeen:
		if !rules.noWait && s.claimed/frozenM > s.newest.n/frozenM { // a closing is at it: the marks stay
			*w = bookerM{}
			return s, true
		}
		w.n = s.claimed + 1
	case bookLook:
		w.closed, w.changes = s.closed, s.changes
	case bookClaim:
		s.claimed = max(s.claimed, w.n)
	case bookWrite:
		w.rows = bookedM{n: w.n, worker: uint8(i), feb: s.calls}
		if w.closed {
			w.rows.feb, w.rows.mar = s.newest.feb, s.calls-s.newest.feb
		}
	case bookCommit:
		s.commit(w.rows)
	case bookRemove:
		if w.changes == s.changes && (s.claimed == w.n || rules.ignoresClaims) {
			s.marks &^= w.marks
		}
	}
	if w.n%frozenM > mostClaims {
		return s, false
	}
	if w.pc++; int(w.pc) > len(rules.booking) {
		*w = bookerM{}
	}
	return s, true
}

func (s booksM) close(rules *rulesM) booksM {
	c := &s.closer
	switch rules.closing[c.pc-1] {
	case closePut:
		s.closed = true
		s.changes++
	case closeClaim:
		c.rows.n = (s.claimed/frozenM + 1) * frozenM
		s.claimed = c.rows.n
	case closeCopy:
		c.rows = bookedM{n: c.rows.n, worker: 2, feb: s.newest.feb, mar: s.newest.mar}
	case closeCommit:
		s.commit(c.rows)
	case closeTotal:
		s.added, s.feb = true, s.newest.feb
	}
	if c.pc++; int(c.pc) > len(rules.closing) {
		c.pc, c.rows = 0, bookedM{}
	}
	return s
}

func (s booksM) next(rules *rulesM, yield func(string, booksM)) {
	for i := range s.ingested {
		n := s
		if i == 1 && s.ingested[1] == s.ingested[0] { // the ingests are alike
			continue
		}
		switch s.ingested[i] {
		case 0:
			n.ingested[i] = 1
			n.calls++
			yield(fmt.Sprintf("call %d is stored", i), n)
		case 1:
			n.ingested[i] = 2
			if n.markM() {
				yield(fmt.Sprintf("call %d is marked", i), n)
			}
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
		if n, ok := s.book(i, rules); ok {
			yield(fmt.Sprintf("worker %d: %s", i, rules.booking[s.worker[i].pc-1]), n)
		}
		if s.crashes == 0 {
			n := s
			n.crashes, n.worker[i] = 1, bookerM{}
			yield(fmt.Sprintf("worker %d crashes", i), n)
		}
	}
	if s.closer.pc == 0 {
		if !s.added && s.claimed < 2*frozenM {
			n := s
			n.closer.pc, n.closer.rows = 1, bookedM{}
			yield("the closing starts", n)
		}
		return
	}
	yield(rules.closing[s.closer.pc-1].String(), s.close(rules))
	if s.crashes == 0 {
		n := s
		n.crashes, n.closer.pc, n.closer.rows = 1, 0, bookedM{}
		yield("the closing crashes", n)
	}
}

func (s *booksM) wrong() bool {
	if s.bad {
		return true
	}
	rest := s.ingested == [2]uint8{2, 2} && s.marks == 0 && s.worker == [2]bookerM{} && s.closer.pc == 0 && s.added
	return rest && s.newest.feb+s.newest.mar != s.calls
}

func searchBooks(rules rulesM) (path []string, states int) {
	type from struct {
		prev booksM
		what string
	}
	start := booksM{}
	seen := map[booksM]from{start: {}}
	for layer := []booksM{start}; len(layer) > 0; {
		var after []booksM
		for _, s := range layer {
			if s.wrong() {
				for ; s != start; s = seen[s].prev {
					path = append([]string{seen[s].what}, path...)
				}
				return path, len(seen)
			}
			s.next(&rules, func(what string, n booksM) {
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

func TestModelOfClosing(t *testing.T) {
	path, states := searchBooks(designedBooks)
	t.Logf("%d states", states)
	require.Empty(t, path)
	require.Greater(t, states, 100_000)
}

// TestModelOfClosingNeedsItsRules: a worker that claims above a freeze that isn't committed may keep what a slower one books below
// it, which the freeze doesn't have; and what a freeze above it doesn't have is lost if its marks are removed.
func TestModelOfClosingNeedsItsRules(t *testing.T) {
	for name, leaveOut := range map[string]func(*rulesM){
		"a worker doesn't wait for a freeze":                func(r *rulesM) { r.noWait = true },
		"marks are removed although somebody claimed above": func(r *rulesM) { r.ignoresClaims = true },
	} {
		t.Run(name, func(t *testing.T) {
			rules := designedBooks
			leaveOut(&rules)
			path, states := searchBooks(rules)
			t.Logf("%d states; %v", states, path)
			require.NotEmpty(t, path)
		})
	}
}

func TestModelOfClosingFindsEverySwap(t *testing.T) {
	swapped := func(order []bookStepM, i int) []bookStepM {
		out := slices.Clone(order)
		out[i], out[i+1] = out[i+1], out[i]
		return out
	}
	// The look may come after the claim as long as it comes after the highest claim is read. A freeze may be claimed before its month is
	// closed as long as workers wait for it; what stops in between would then hold up an hour of a month that nobody closes.
	harmless := []string{"claim before look", "freeze claim before close"}
	try := func(a, b bookStepM, rules rulesM) {
		name := fmt.Sprint(a, " before ", b)
		t.Run(name, func(t *testing.T) {
			if slices.Contains(harmless, name) && !searchAll {
				t.Skip("it is searched whole with -tags testall: it finds nothing, as it should")
			}
			path, states := searchBooks(rules)
			t.Logf("%d states; %v", states, path)
			if slices.Contains(harmless, name) {
				require.Empty(t, path)
				return
			}
			require.NotEmpty(t, path)
		})
	}
	for i := range len(designedBooking) - 1 {
		order := swapped(designedBooking, i)
		try(order[i], order[i+1], rulesM{booking: order, closing: designedClosing})
	}
	for i := range len(designedClosing) - 1 {
		order := swapped(designedClosing, i)
		try(order[i], order[i+1], rulesM{booking: designedBooking, closing: order})
	}
}
