package books

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/embedded/clickhouse"
)

func TestMain(m *testing.M) {
	clickhouse.RunChildIfAsked()
	m.Run()
}

func TestAMonthOfBooks(t *testing.T) {
	rows, err := Run(t.Context(), Options{Calls: 120, Days: 1, Hours: 1, Short: true, Dir: t.TempDir(), Seed: 7, Log: slog.New(slog.DiscardHandler), Tell: func(s string) { t.Log(time.Now().Format(time.TimeOnly), s) }})
	require.NoError(t, err)
	require.Greater(t, len(rows), 90)
	for _, r := range rows {
		require.True(t, r.OK, "%s: got %s, want %s", r.Name, r.Got, r.Goal)
	}
}

// TestBooksByAScript: acts in random orders, some of them cut off and done again.
func TestBooksByAScript(t *testing.T) { script(t, 7) }

func script(t *testing.T, steps int) {
	rows, err := Script(t.Context(), Options{Calls: 30, Days: 1, Hours: 1, Dir: t.TempDir(), Seed: 3, Log: slog.New(slog.DiscardHandler), Tell: func(s string) { t.Log(time.Now().Format(time.TimeOnly), s) }}, steps)
	require.NoError(t, err)
	for _, r := range rows {
		require.True(t, r.OK, "%s: got %s, want %s", r.Name, r.Got, r.Goal)
	}
}
