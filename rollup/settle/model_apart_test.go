package settle

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// looks are the steps with which a look can begin.
func looks(s step) bool { return s == stepLook || s == stepReports || s == stepDecided }

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

// apart are the orders in which candidates and decisions are read one after the other.
func apart(v variant) (out []variant) {
	for _, reads := range [][]step{{stepReports, stepDecided}, {stepDecided, stepReports}} {
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
	found := search(older)
	t.Logf("%d states", found.States)
	require.Empty(t, found.Path)
	require.Greater(t, found.States, 100_000)
	require.NotEmpty(t, search(younger).Path, "nothing is marked for later")
}
