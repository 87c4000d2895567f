package ledgertest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/internal/testkit/ledgertest"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

func TestMonthIsRolledUp(t *testing.T) {
	server := clickhousetest.Start(t)
	db := ledgertest.Month(t, server)
	const ask = `SELECT count(), sum(cost) FROM calls(from = now('UTC') - INTERVAL 60 DAY, to = now('UTC') + INTERVAL 1 HOUR)`
	const rolled = `SELECT sum(calls), sum(cost) FROM spend(from = toDate(now('UTC') - INTERVAL 60 DAY), to = today() + 1)`
	want := server.Exec(t, db, ask)
	require.NotContains(t, want, "0\t0")
	require.Equal(t, want, server.Exec(t, db, rolled))
	t.Log(want)
}
