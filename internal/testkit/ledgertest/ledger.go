// Package ledgertest fills ledgers for tests and pictures.
package ledgertest

import (
	_ "embed"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/rollup"
	"github.com/tollkeeper/tollkeeper/schema"
)

var (
	//go:embed month.sql
	month string
	//go:embed control.sql
	control string
	//go:embed figures.sql
	figures string
)

// Empty is a new database with the schema; it returns its URL.
func Empty(t testing.TB, server *clickhousetest.Server) string {
	db := server.Database(t)
	_, err := schema.Apply(t.Context(), db, schema.DefaultOptions())
	require.NoError(t, err)
	return db
}

// Month is a ledger with the calls of six weeks up to this minute, rolled up, with an episode, a throttle, budgets, and what the dashboards
// role makes of it.
func Month(t testing.TB, server *clickhousetest.Server) string {
	db := Empty(t, server)
	server.Exec(t, db, month)
	all := func(file string) {
		for statement := range strings.SplitSeq(file, ";\n") {
			if strings.TrimSpace(statement) != "" {
				server.Exec(t, db, statement)
			}
		}
	}
	all(control)
	RollUp(t, server, db)
	all(figures)
	return db
}

// RollUp marks every minute that has reports and brings all totals up to them.
func RollUp(t testing.TB, server *clickhousetest.Server, db string) {
	server.Exec(t, db, `INSERT INTO dirty_windows (level, window, id, due, done)
		SELECT 'minute', minute, generateUUIDv4(), now64(3), 0 FROM (SELECT DISTINCT minute FROM call_reports)`)
	conn, err := schema.Open(db)
	require.NoError(t, err)
	defer conn.Close()
	r, err := rollup.New(rollup.DefaultConfig(), rollup.Deps{ClickHouse: conn, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	for _, level := range rollup.Levels() {
		_, err := r.RunOnce(t.Context(), level)
		require.NoError(t, err)
	}
}
