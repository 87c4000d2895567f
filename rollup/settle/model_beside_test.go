package settle

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// claim does a step of claiming.
func (s *state) claim(w *worker, what step) {
	if what == stepSeen {
		w.n = s.claimed[w.minute] + 1
		return
	}
	s.claimed[w.minute] = max(s.claimed[w.minute], w.n)
}

// doBeside has worker i do its next step of those beside the others, if there is one.
func (s state) doBeside(i int, v *variant) (what step, n state, ok bool) {
	w := &s.worker[i]
	if w.pc < 2 && !v.besideMarks || int(w.beside) == len(v.beside) {
		return 0, s, false
	}
	what = v.beside[w.beside]
	s.claim(w, what)
	w.beside++
	return what, s, true
}

// beside is a variant whose workers claim while they settle.
func beside(v variant) variant {
	v.order = slices.DeleteFunc(slices.Clone(v.order), func(s step) bool { return s == stepSeen || s == stepClaim })
	v.beside = []step{stepSeen, stepClaim}
	return v
}

// TestModelClaimsBesideSettling: a worker may claim its minute before, while or after it settles it: what a decision changes has marks of its own,
// which no worker has read that began before. Two reports, without marks for later; TestModelOfThreeClaimsBesideSettling, of testall, has them.
func TestModelClaimsBesideSettling(t *testing.T) {
	v := two
	v.noLater = true
	found := search(beside(v))
	t.Logf("%d states", found.States)
	require.Empty(t, found.Path)
	require.Greater(t, found.States, 100_000)

	v = beside(v)
	v.beside = []step{stepClaim, stepSeen}
	require.NotEmpty(t, search(v).Path, "claimed, then seen")
}
