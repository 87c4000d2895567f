//go:build !testall

package rollup

// mostClaims bounds the model of closing: the claims of workers before and after a freeze. testall has more, and searches the swaps
// that are harmless too.
const (
	mostClaims = 2
	searchAll  = false
)
