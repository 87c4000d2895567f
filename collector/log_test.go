package collector

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// The Collector's lines come as slog's: its info as debug, errors without stack traces, and a flood of one line sampled.
func TestLog(t *testing.T) {
	var out bytes.Buffer
	log := zapToSlog(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelInfo})).With("role", "collector"))
	log.Info("Everything is ready")
	require.Empty(t, out.String())

	log.With(zap.String("exporter", "x"), zap.Any("resource", map[string]any{"a": 1})).Warn("queue is full", zap.Int("items", 3), zap.Error(errors.New("no room")))
	line := out.String()
	for _, want := range []string{"level=WARN", `msg="queue is full"`, "role=collector", "exporter=x", "items=3", `error="no room"`} {
		require.Contains(t, line, want)
	}
	require.NotContains(t, line, "resource")

	out.Reset()
	for range 500 {
		log.Error("Exporting failed. Rejecting data.")
	}
	require.Equal(t, logFirst, strings.Count(out.String(), "\n"))
	require.NotContains(t, out.String(), ".go:")
}
