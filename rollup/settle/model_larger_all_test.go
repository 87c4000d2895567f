//go:build testall

package settle

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestModelOfMoreReports searches larger variants of the designed order: two reports with marks for later, three in two minutes.
func TestModelOfMoreReports(t *testing.T) {
	for _, v := range []variant{two, {order: designed, minutes: []uint8{0, 1, 1}, there: 2}} {
		found := search(v)
		t.Logf("%d states", found.States)
		require.Empty(t, found.Path)
	}
}
