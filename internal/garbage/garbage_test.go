package garbage

import (
	"math"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the environment says wins, each by itself.
func TestTheEnvironmentWins(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	defer func() { debug.SetGCPercent(percent); debug.SetMemoryLimit(limit) }()
	for _, c := range []struct {
		percent, limit string // of the environment
		wantPercent    int
		wantLimit      int64
	}{
		{"", "", Percent, 1 << 30},
		{"100", "", 100, 1 << 30},
		{"", "off", Percent, math.MaxInt64},
		{"100", "off", 100, math.MaxInt64},
	} {
		t.Setenv("GOGC", c.percent)
		t.Setenv("GOMEMLIMIT", c.limit)
		debug.SetGCPercent(100)
		debug.SetMemoryLimit(math.MaxInt64)
		CollectRarely(1 << 30)
		require.Equal(t, c.wantPercent, debug.SetGCPercent(100), c)
		require.Equal(t, c.wantLimit, debug.SetMemoryLimit(-1), c)
	}
}
