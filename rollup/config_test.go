package rollup

import (
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/schema"
)

func TestDefaultConfigIsValidAndSealsInTime(t *testing.T) {
	cfg := DefaultConfig()
	require.NoError(t, cfg.Validate())
	opts := schema.DefaultOptions()
	require.Equal(t, opts.Retention.SealedAfter(), cfg.SealedAfter)
}

func TestValidateReportsAllAtOnce(t *testing.T) {
	cfg := Config{Minute: "every now and then", Hour: "* * * * *", Day: "@every 10m", Late: "@every 1x", Watch: "", Sweep: "@hourly", Prune: "17 3 * * *",
		OpenFor: time.Second, SealedAfter: time.Hour, Batch: 0, KeepSuperseded: 0, StopTimeout: -1}
	err := cfg.Validate()
	for _, part := range []string{`minute: "every now and then"`, "late", "watch", "open_for: 1s", "sealed_after (follows from schema.retention): 1h0m0s",
		"batch: 0", "keep_superseded: 0s", "stop_timeout: -1ns"} {
		require.ErrorContains(t, err, part)
	}
	for _, part := range []string{"hour:", "day:", "sweep", "prune"} {
		require.NotContains(t, err.Error(), part)
	}
	_, err = New(cfg, Deps{})
	require.ErrorContains(t, err, "minute")
	_, err = New(DefaultConfig(), Deps{Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	require.ErrorContains(t, err, "ClickHouse")
}

func TestLevels(t *testing.T) {
	at := time.Date(2026, 3, 31, 23, 59, 59, 5, time.FixedZone("x", 3600))
	require.Equal(t, time.Date(2026, 3, 31, 22, 59, 0, 0, time.UTC), Minute.start(at))
	require.Equal(t, time.Date(2026, 3, 31, 22, 0, 0, 0, time.UTC), Hour.start(at))
	require.Equal(t, time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC), Day.start(at))
}
