package collector

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/garbage"
)

// Garbage is collected often before the heap reaches what sheds payload, whatever the limits are.
func TestTuneGC(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	defer func() { debug.SetGCPercent(percent); debug.SetMemoryLimit(limit) }()
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	for _, mib := range []int{1, 64, 640, 100_000} {
		c := DefaultConfig()
		c.PayloadMemoryLimitMiB = mib
		c.TuneGC()
		shed := int64(mib-limiter(mib)["spike_limit_mib"].(int)) << 20
		require.Less(t, debug.SetMemoryLimit(-1), shed)
		require.Greater(t, debug.SetMemoryLimit(-1), shed/2)
	}
	require.Equal(t, garbage.Percent, debug.SetGCPercent(100))
}
