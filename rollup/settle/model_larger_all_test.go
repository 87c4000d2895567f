//go:build testall

package settle

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestModelOfThreeReadsInEitherOrder: candidates and decisions are read one after the other, with marks for later; either may be the older.
func TestModelOfThreeReadsInEitherOrder(t *testing.T) {
	for _, v := range apart(three) {
		found := search(v)
		t.Logf("%v: %d states", v.order, found.States)
		require.Empty(t, found.Path)
	}
}

// TestModelOfTwoMinutesReadsInAnyOrder: so are the minute's own candidates and those of others. All six orders were searched once, 38,010,426 states
// (docs/adr/0048-claiming-while-settling.md); two that differ in all that matters are kept.
func TestModelOfTwoMinutesReadsInAnyOrder(t *testing.T) {
	for _, v := range allApart(two)[1:3] {
		found := search(v)
		t.Logf("%v: %d states", v.order, found.States)
		require.Empty(t, found.Path)
	}
}

// TestModelOfThreeClaimsBesideSettling: with marks for later.
func TestModelOfThreeClaimsBesideSettling(t *testing.T) {
	found := search(beside(three))
	t.Logf("%d states", found.States)
	require.Empty(t, found.Path)

	early := beside(two)
	early.noLater, early.besideMarks = true, true
	require.NotEmpty(t, search(early).Path, "claimed before the marks are read")
}

// TestModelOfMoreReports searches larger variants of the designed order: two reports with marks for later, three in two minutes.
func TestModelOfMoreReports(t *testing.T) {
	for _, v := range []variant{two, {order: designed, minutes: []uint8{0, 1, 1}, there: 2}} {
		found := search(v)
		t.Logf("%d states", found.States)
		require.Empty(t, found.Path)
	}
}
