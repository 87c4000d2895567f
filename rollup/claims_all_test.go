//go:build testall

package rollup

const (
	mostClaims = 6
	searchAll  = true
)
