package clocktest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSetMovesTheWallAlone(t *testing.T) {
	at := time.Date(2026, 11, 2, 10, 20, 30, 0, time.UTC)
	before := Reading(at)
	require.True(t, before.Round(0).Equal(at))
	require.Equal(t, at, before.Round(0))
	for _, by := range []time.Duration{-time.Hour, time.Hour, -48 * time.Hour} {
		after := Set(before.Add(1500*time.Millisecond), by)
		require.Equal(t, at.Add(by+1500*time.Millisecond), after.Round(0))
		require.Equal(t, 1500*time.Millisecond, after.Sub(before))
		require.True(t, before.Before(after))
	}
}
