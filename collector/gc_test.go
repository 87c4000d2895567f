package collector

import (
	"math"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

// Garbage is collected often before the heap reaches what sheds payload, whatever the limits are; the environment wins.
func TestTuneGC(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	defer func() { debug.SetGCPercent(percent); debug.SetMemoryLimit(limit) }()
	for _, mib := range []int{1, 64, 640, 100_000} {
		c := DefaultConfig()
		c.PayloadMemoryLimitMiB = mib
		c.TuneGC()
		shed := int64(mib-limiter(mib)["spike_limit_mib"].(int)) << 20
		require.Less(t, debug.SetMemoryLimit(-1), shed)
		require.Greater(t, debug.SetMemoryLimit(-1), shed/2)
	}
	require.Equal(t, gcPercent, debug.SetGCPercent(100))
	t.Setenv("GOGC", "100")
	t.Setenv("GOMEMLIMIT", "off")
	debug.SetMemoryLimit(math.MaxInt64)
	c := DefaultConfig()
	c.TuneGC()
	require.Equal(t, 100, debug.SetGCPercent(100))
	require.EqualValues(t, math.MaxInt64, debug.SetMemoryLimit(-1))
}
