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
		t.Logf("%s: %d states", v.order, found.States)
		require.Empty(t, found.Path)
	}
}

// TestModelOfMoreReports searches larger variants of the designed order: two reports with marks for later, three in two minutes.
func TestModelOfMoreReports(t *testing.T) {
	for _, v := range []variant{two, {order: designed, minutes: []uint8{0, 1, 1}, there: 2}} {
		found := search(v)
		t.Logf("%d states", found.States)
		require.Empty(t, found.Path)
	}
}
