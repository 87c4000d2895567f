package settle

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// looks are the steps with which a look can begin.
func looks(s step) bool { return s == stepLook || s >= stepReports }

// reads are the reports that a step reads, as bits.
func (v *variant) reads(what step, minute uint8) (of uint8) {
	for r, m := range v.minutes {
		if what == stepReports || what == stepOwn && m == minute || what == stepOthers && m != minute {
			of |= 1 << r
		}
	}
	return of
}

// readDecided reads the decisions of reports that it has read or is about to.
func (s *state) readDecided(v *variant, w *worker) {
	for _, next := range v.order[w.pc-1:] {
		w.sees |= v.reads(next, w.minute)
	}
	w.was = s.winner
	for r, rev := range s.rev {
		if w.sees>>r&1 != 0 {
			w.rev = max(w.rev, rev+1)
		}
	}
}

// lookApart is look where candidates and decisions were read one after the other.
func (s *state) lookApart(v *variant, w *worker) {
	here, last := false, uint8(0)
	for r := range uint8(reports) {
		if w.sees>>r&1 != 0 {
			here, last = here || v.minutes[r] == w.minute, r+1
		}
	}
	for r := range uint8(reports) {
		if here && w.sees>>r&1 != 0 && w.was[r] != decided(r, last) {
			w.differs = true
			w.touched |= 1 << v.minutes[r]
		}
	}
	w.was = [reports]uint8{}
	if !w.differs {
		w.sees, w.rev = 0, 0
	}
}

// apart are the orders in which candidates and decisions are read one after the other, the first with the youngest decisions.
func apart(v variant) []variant {
	return reading(v, []step{stepReports, stepDecided}, []step{stepDecided, stepReports})
}

// allApart are those in which the minute's own candidates and the others are, too. The last two have the oldest decisions.
func allApart(v variant) []variant {
	return reading(v, []step{stepOwn, stepOthers, stepDecided}, []step{stepOthers, stepOwn, stepDecided}, []step{stepOwn, stepDecided, stepOthers},
		[]step{stepOthers, stepDecided, stepOwn}, []step{stepDecided, stepOwn, stepOthers}, []step{stepDecided, stepOthers, stepOwn})
}

func reading(v variant, orders ...[]step) (out []variant) {
	for _, reads := range orders {
		v.order = slices.Insert(slices.Clone(designed), 1, reads...)
		out = append(out, v)
	}
	return out
}

// TestModelReadsApart: two reports, without marks for later. Decisions may be older than the candidates, and then
// nothing else is needed. They may be younger only with the marks for later: TestModelOfThreeReadsInEitherOrder, of testall.
func TestModelReadsApart(t *testing.T) {
	v := two
	v.noLater = true
	younger, older := apart(v)[0], apart(v)[1]
	for _, older := range append(allApart(v)[4:], older) {
		found := search(older)
		t.Logf("%v: %d states", older.order[1:4], found.States)
		require.Empty(t, found.Path)
		require.Greater(t, found.States, 100_000)
	}
	require.NotEmpty(t, search(younger).Path, "nothing is marked for later")
}
