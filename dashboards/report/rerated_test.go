package report_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/dashboards/report"
	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
)

// TestAsChargedAndAsRerated has three re-rates: one of October before it was closed, one after, and one of November that was stopped
// before it had written anything of its last hour.
func TestAsChargedAndAsRerated(t *testing.T) {
	conn, db := world(t)
	server := clickhousetest.Start(t)
	for _, statement := range []string{
		`INSERT INTO rerate_runs (id, step, number, range_from, range_to, every, price_version, author, reason, at) VALUES
			('00000000-0000-0000-0000-0000000000a1', 'started', 1, '2026-10-01 00:00:00', '2026-11-01 00:00:00', 1, 'book2', 'ada', 'before the close', '2026-10-30 00:00:00.000'),
			('00000000-0000-0000-0000-0000000000a2', 'started', 2, '2026-10-01 00:00:00', '2026-12-01 00:00:00', 1, 'book3', 'ben', 'after it', '2100-01-01 00:00:00.000'),
			('00000000-0000-0000-0000-0000000000a1', 'finished', 1, 0, 0, 0, '', '', '', '2026-10-30 00:00:01.000')`,
		`INSERT INTO rerate_runs (id, step, number, done_to) VALUES
			('00000000-0000-0000-0000-0000000000a1', 'prepared', 1, '2026-10-20 10:00:00'), ('00000000-0000-0000-0000-0000000000a2', 'prepared', 2, '2026-10-20 10:00:00'),
			('00000000-0000-0000-0000-0000000000a2', 'prepared', 2, '2026-11-06 10:00:00')`,
		`INSERT INTO rerate_changes (run, hour, tenant, provider, model, calls, changed, unpriced, before, after, books, at) VALUES
			('00000000-0000-0000-0000-0000000000a1', '2026-10-20 10:00:00', 'acme', 'openai', 'gpt-4o', 1, 1, 0, 1.5, 1.25, ['book1'], '2026-10-30 00:00:00.500'),
			('00000000-0000-0000-0000-0000000000a2', '2026-10-20 10:00:00', 'acme', 'openai', 'gpt-4o', 1, 1, 0, 1.25, 1, ['book2'], '2100-01-01 00:00:00.500'),
			('00000000-0000-0000-0000-0000000000a2', '2026-11-06 10:00:00', 'platform', 'openai', 'gpt-4o', 1, 1, 0, 0.02, 0.01, ['book1', 'book2'], '2100-01-01 00:00:00.500'),
			('00000000-0000-0000-0000-0000000000a2', '2026-11-07 10:00:00', 'platform', 'openai', 'gpt-4o', 1, 1, 0, 7, 8, ['book1'], '2100-01-01 00:00:00.500')`,
	} {
		server.Exec(t, db, statement)
	}
	october, err := report.Choose("2026-10", 0, "", "", time.Now())
	require.NoError(t, err)
	r, err := report.BuildRerated(t.Context(), conn, report.Query{Period: october})
	require.NoError(t, err)
	require.Len(t, r.Lines, 1)
	amounts := func(l report.ReratedLine) []string {
		return []string{l.Charged.String(), l.Rerated.String(), l.Difference.String(), l.Booked.String()}
	}
	require.Equal(t, []string{"1.50", "1.00", "-0.50", "1.25"}, amounts(r.Lines[0]), "charged 1.50; 1.25 when it was closed, which stays")
	require.Len(t, r.Runs, 2)
	require.Equal(t, []string{"ada", "ben"}, []string{r.Runs[0].Author, r.Runs[1].Author})

	r, err = report.BuildRerated(t.Context(), conn, report.Query{Period: november(t), Dimension: "day"})
	require.NoError(t, err)
	for _, l := range r.Lines {
		if l.Value == "2026-11-06" {
			require.Equal(t, l.Booked, l.Rerated, "an open month's totals are re-rated")
			require.Equal(t, "0.01", l.Charged.Minus(l.Rerated).String())
		} else {
			require.Equal(t, l.Booked, l.Charged)
		}
	}
	require.Equal(t, build(t, conn, report.Query{Period: november(t)}).Total.Cost, r.Total.Booked)
	var out strings.Builder
	require.NoError(t, r.WriteText(&out))
	require.Contains(t, out.String(), "by ben: after it; price book book3, before book1, book2; -0.01 USD (started)")
	out.Reset()
	require.NoError(t, r.WriteCSV(&out))
	require.NoError(t, r.WriteJSON(&out))
	nobody := "nobody"
	r, err = report.BuildRerated(t.Context(), conn, report.Query{Period: november(t), Tenant: &nobody})
	require.NoError(t, err)
	require.Empty(t, r.Runs)
	require.Empty(t, r.Lines)
	_, err = report.BuildRerated(t.Context(), conn, report.Query{Period: november(t), Dimension: "team"})
	require.ErrorContains(t, err, "re-rates are kept by")
}
