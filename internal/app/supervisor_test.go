package app

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPartsStopInReverseOrder(t *testing.T) {
	s := newSupervisor(slog.New(slog.DiscardHandler))
	var order []string
	for _, name := range []string{"engine", "ingest", "collector"} {
		s.start(&part{name: name, grace: time.Minute, run: func(ctx context.Context) error {
			<-ctx.Done()
			order = append(order, name)
			return nil
		}})
	}
	require.NoError(t, s.stop())
	require.Equal(t, []string{"collector", "ingest", "engine"}, order)
}

func TestAPartThatEndsNamesItself(t *testing.T) {
	s := newSupervisor(slog.New(slog.DiscardHandler))
	boom := errors.New("disk on fire")
	s.start(&part{name: "ingest", grace: time.Minute, run: func(context.Context) error { return boom }})
	err := s.wait(t.Context())
	require.ErrorIs(t, err, boom)
	require.ErrorContains(t, err, "ingest")
	require.ErrorIs(t, s.stop(), boom)
}

func TestNotReadyNamesPartLimitAndReason(t *testing.T) {
	s := newSupervisor(slog.New(slog.DiscardHandler))
	p := &part{name: "rollup", grace: time.Minute,
		run:   func(ctx context.Context) error { <-ctx.Done(); return nil },
		ready: func(context.Context) error { return errors.New("no server") }}
	s.start(p)
	err := s.untilReady(t.Context(), p, 50*time.Millisecond)
	require.ErrorContains(t, err, "rollup is not ready after 50ms: no server")
	require.NoError(t, s.stop())
}
