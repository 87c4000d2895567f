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
	calls string
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

// traffic is how many calls there are, and the minutes that they are dealt out to.
type traffic struct{ calls, minutes string }

var (
	// One minute in eight hours of 45 days has sixty times as many calls as every eighth of the last six hours, so that an hour has as many
	// here as there.
	sixWeeks = traffic{"400000", `arrayConcat(arrayFlatten(arrayWithConstant(60, arrayMap(i -> toStartOfHour(now('UTC')) - INTERVAL (i * 8 + 6) HOUR, range(135)))),
		arrayMap(i -> toStartOfMinute(now('UTC')) - INTERVAL (i * 8) MINUTE, range(45)))`}
	// Every minute of the last hour.
	lastHour = traffic{"20000", "arrayMap(i -> toStartOfMinute(now('UTC')) - INTERVAL i MINUTE, range(60))"}
)

// Month is a ledger with the calls of six weeks up to this minute, rolled up, with an episode, a throttle, budgets, and what the dashboards
// role makes of it.
func Month(t testing.TB, server *clickhousetest.Server) string { return filled(t, server, sixWeeks) }

// Hour is the same of the last hour alone: a ledger on its first day.
func Hour(t testing.TB, server *clickhousetest.Server) string { return filled(t, server, lastHour) }

func filled(t testing.TB, server *clickhousetest.Server, of traffic) string {
	db := Empty(t, server)
	server.Exec(t, db, strings.NewReplacer("{minutes} AS", of.minutes+" AS", "{calls}", of.calls).Replace(calls))
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
	require.NoError(t, r.PublishTouched(t.Context()))
}
