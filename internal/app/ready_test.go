package app_test

import (
	"context"
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/app"
	"github.com/tollkeeper/tollkeeper/schema"
)

// On an empty directory /readyz refuses until the migrations are done and the roles run: a caller that waits for it finds
// every table.
func TestNotReadyBeforeTheMigrationsAreDone(t *testing.T) {
	cfg := configFor(filepath.Join(t.TempDir(), "data"))
	cfg.HTTP.Listen, cfg.ClickHouse.Embedded.Listen = freeAddress(t), freeAddress(t)
	type started struct {
		app *app.App
		err error
	}
	done := make(chan started, 1)
	go func() {
		a, err := app.Start(context.Background(), app.Options{Config: cfg, Roles: app.Roles{Embedded: true}, Log: slog.New(slog.DiscardHandler), Version: "test"})
		done <- started{a, err}
	}()
	refused := false
	require.Eventually(t, func() bool {
		resp, err := http.Get("http://" + cfg.HTTP.Listen + "/readyz")
		if err != nil {
			return false
		}
		require.NoError(t, resp.Body.Close())
		refused = refused || resp.StatusCode == http.StatusServiceUnavailable
		return resp.StatusCode == http.StatusOK
	}, aWhile, 5*time.Millisecond)
	conn, err := schema.Open("http://" + cfg.ClickHouse.Embedded.Listen + "/tollkeeper")
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.Exec(t.Context(), "SELECT * FROM process_metrics LIMIT 1"), "the newest tables are there as soon as it is ready")
	s := <-done
	require.NoError(t, s.err)
	defer func() { require.NoError(t, s.app.Stop()) }()
	require.True(t, refused, "it was asked before it was ready, too")
}
