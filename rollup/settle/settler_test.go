package settle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/internal/testkit/schematest"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

func ledgerOf(t *testing.T) driver.Conn {
	t.Helper()
	conn, err := schema.Open(schematest.Database(t, clickhousetest.Start(t), schematest.KeptForEver))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn
}

// arrive stores reports as ingest does: the report at 1 USD, its candidate, then a mark of its minute.
func arrive(t *testing.T, conn driver.Conn, reports ...Report) {
	t.Helper()
	ctx := t.Context()
	storeReports(t, conn, ledger.FlagCandidate, reports...)
	candidates, err := conn.PrepareBatch(ctx, `INSERT INTO settle_candidates (hour, minute, tenant, trace_id, span_id, version, parent_span_id,
		response_id, provider, operation, role, rank, flags, start, duration_ns, input, output, authenticated)`)
	require.NoError(t, err)
	for _, r := range reports {
		at := time.Unix(r.Minute, 0).UTC()
		authenticated := uint8(0)
		if r.Authenticated {
			authenticated = 1
		}
		require.NoError(t, candidates.Append(at.Truncate(time.Hour), at, r.Tenant, string(r.Trace[:]), string(r.Span[:]), r.Version, string(r.Parent[:]),
			r.ResponseID, r.Provider, r.Operation, []string{"leaf", "aggregate", "wrapper"}[r.Role], r.Rank, uint32(r.Flags),
			time.Unix(0, r.Start).UTC(), uint64(r.End-r.Start), r.Input, r.Output, authenticated))
	}
	require.NoError(t, candidates.Send())
	markMinutes(t, conn, reports)
}

// arriveAlone stores reports of which the collector doesn't know that another may tell of their call too.
func arriveAlone(t *testing.T, conn driver.Conn, reports ...Report) {
	t.Helper()
	storeReports(t, conn, 0, reports...)
	markMinutes(t, conn, reports)
}

// storeReports writes the reports themselves.
func storeReports(t *testing.T, conn driver.Conn, flags ledger.Flags, reports ...Report) {
	t.Helper()
	calls, err := conn.PrepareBatch(t.Context(), `INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, parent_span_id, start,
		duration_ns, provider, model, operation, role, rank, flags, fresh_input, text_output, cost_input)`)
	require.NoError(t, err)
	for _, r := range reports {
		require.NoError(t, calls.Append(time.Unix(r.Minute, 0).UTC(), r.Tenant, string(r.Trace[:]), string(r.Span[:]), r.Version, string(r.Parent[:]),
			time.Unix(0, r.Start).UTC(), uint64(r.End-r.Start), r.Provider, "gpt-4o-mini", r.Operation, []string{"leaf", "aggregate", "wrapper"}[r.Role], r.Rank,
			uint32(r.Flags|flags), r.Input, r.Output, "1"))
	}
	require.NoError(t, calls.Send())
}

func markMinutes(t *testing.T, conn driver.Conn, reports []Report) {
	t.Helper()
	for _, m := range minutesOf(reports) {
		require.NoError(t, conn.Exec(t.Context(), `INSERT INTO dirty_windows (level, window, id, due, done)
			SELECT 'minute', {minute:DateTime('UTC')}, generateUUIDv4(), now64(3), 0`, named("minute", time.Unix(m, 0).UTC())))
	}
}

// removeMarks is what rollup does when it has done a minute.
func removeMarks(t *testing.T, conn driver.Conn, minute time.Time, ids []string) error {
	t.Helper()
	n := len(ids)
	return conn.Exec(t.Context(), schema.SQL("rollup/remove_marks"), named("level", "minute"), named("levels", slices.Repeat([]string{"minute"}, n)),
		named("windows", slices.Repeat([]time.Time{minute}, n)), named("ids", ids), named("dones", slices.Repeat([]uint8{1}, n)),
		named("frozen", slices.Repeat([]uint64{1 << 48}, n)))
}

func minutesOf(reports []Report) []int64 {
	var out []int64
	for _, r := range reports {
		out = append(out, r.Minute)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func settler(conn driver.Conn) *Settler {
	return New(conn, slog.New(slog.NewTextHandler(io.Discard, nil)), nil, nil)
}

// standing are the spans that the view calls shows.
func standing(t *testing.T, conn driver.Conn) []byte {
	t.Helper()
	rows, err := conn.Query(t.Context(), "SELECT span_id FROM calls(from = '2026-02-01 00:00:00', to = '2026-04-01 00:00:00') ORDER BY span_id")
	require.NoError(t, err)
	defer rows.Close()
	var out []byte
	for rows.Next() {
		var span string
		require.NoError(t, rows.Scan(&span))
		out = append(out, span[0])
	}
	require.NoError(t, rows.Err())
	return out
}

func marks(t *testing.T, conn driver.Conn) (out []int64) {
	t.Helper()
	rows, err := conn.Query(t.Context(), "SELECT DISTINCT window FROM dirty_windows FINAL WHERE done = 0 ORDER BY window")
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var at time.Time
		require.NoError(t, rows.Scan(&at))
		out = append(out, at.Unix())
	}
	require.NoError(t, rows.Err())
	return out
}

func clearMarks(t *testing.T, conn driver.Conn) {
	t.Helper()
	require.NoError(t, conn.Exec(t.Context(), "INSERT INTO dirty_windows (level, window, id, due, done) SELECT level, window, id, due, 1 FROM dirty_windows FINAL WHERE done = 0"))
}

// TestALateTwinReopensExactlyWhatChanges, in both orders of arrival.
func TestALateTwinReopensExactlyWhatChanges(t *testing.T) {
	client, gateway := report(1, 80, 50, 75, response(7), wrapper), report(2, 95, 61, 70, response(7))
	other := report(3, 80, 10, 11, trace(3))
	require.NotEqual(t, client.Minute, gateway.Minute)
	for name, order := range map[string][2]Report{"the client first": {client, gateway}, "the gateway first": {gateway, client}} {
		t.Run(name, func(t *testing.T) {
			conn := ledgerOf(t)
			s := settler(conn)
			arrive(t, conn, order[0], other)
			for _, m := range minutesOf([]Report{order[0], other}) {
				require.NoError(t, s.Settle(t.Context(), time.Unix(m, 0).UTC()))
			}
			clearMarks(t, conn)
			arrive(t, conn, order[1])
			clearMarks(t, conn)
			require.NoError(t, s.Settle(t.Context(), time.Unix(order[1].Minute, 0).UTC()))
			require.Equal(t, []byte{2, 3}, standing(t, conn))
			require.Equal(t, []int64{client.Minute}, marks(t, conn), "only the loser's minute changes")
			clearMarks(t, conn)
			for _, m := range minutesOf([]Report{client, gateway, other}) { // at rest: nothing is marked again
				require.NoError(t, s.Settle(t.Context(), time.Unix(m, 0).UTC()))
			}
			require.Empty(t, marks(t, conn))
		})
	}
}

// TestAnEarlierDecisionIsVoid: a third layer comes late and wins; then a fuller version of the first loser wins over all.
func TestAnEarlierDecisionIsVoid(t *testing.T) {
	conn := ledgerOf(t)
	s := settler(conn)
	framework, client, gateway := report(1, 50, 0, 9, noUsage), report(2, 80, 1, 8, parent(1), response(7), wrapper, noUsage), report(3, 95, 2, 7, response(7), trace(2), noUsage)
	settled := func(reports ...Report) []byte {
		arrive(t, conn, reports...)
		require.NoError(t, s.Settle(t.Context(), time.Unix(client.Minute, 0).UTC()))
		return standing(t, conn)
	}
	require.Equal(t, []byte{2}, settled(framework, client))
	require.Equal(t, []byte{3}, settled(gateway))
	full := report(1, 50, 0, 9)
	require.Greater(t, full.Version, framework.Version)
	require.Equal(t, []byte{1}, settled(full))
	alone := full
	alone.Version |= 1 << 50
	require.Equal(t, []byte{1}, settled(alone))
}

// TestALinkThatGoesAway: a report's newer version says that it is nobody's child; who gave way to it counts again.
func TestALinkThatGoesAway(t *testing.T) {
	conn := ledgerOf(t)
	s := settler(conn)
	above, below := report(1, 50, 0, 9), report(2, 80, 1, 8, parent(1))
	arrive(t, conn, above, below)
	require.NoError(t, s.Settle(t.Context(), time.Unix(above.Minute, 0).UTC()))
	require.Equal(t, []byte{2}, standing(t, conn))
	below.Parent, below.Version = [8]byte{77}, below.Version+1
	arrive(t, conn, below)
	require.NoError(t, s.Settle(t.Context(), time.Unix(above.Minute, 0).UTC()))
	require.Equal(t, []byte{1, 2}, standing(t, conn))
}

// TestCopiesOfASpanAreFoundHoursApart: their minutes are those of their receipt.
func TestCopiesOfASpanAreFoundHoursApart(t *testing.T) {
	conn := ledgerOf(t)
	first, second := report(1, 80, 0, 1, copied(0)), report(1, 80, 0, 1, copied(5*60))
	arrive(t, conn, first, second)
	require.NoError(t, settler(conn).Settle(t.Context(), time.Unix(second.Minute, 0).UTC()))
	require.Equal(t, []byte{1}, standing(t, conn))
}

var errStopped = errors.New("stopped by the test")

// TestTheTotalDependsOnNothingElse: reports arrive in any order and in any batches, some twice; settlers stop after any
// step. Once every mark is done, what stands is what one decision over all reports says.
func TestTheTotalDependsOnNothingElse(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 5))
			conn := ledgerOf(t)
			var reports []Report
			for n := range 12 {
				from := rng.Float64() * 600
				id := response(uint64(1 + n))
				all := []Report{
					report(byte(3*n+1), 50, from, from+60, trace(byte(n))),
					report(byte(3*n+2), 80, from+1, from+59, trace(byte(n)), parent(byte(3*n+1)), id, wrapper),
					report(byte(3*n+3), 95, from+2, from+58, trace(byte(100+n)), id),
				}
				reports = append(reports, all[rng.IntN(3):]...)
			}
			var want []byte
			for _, g := range Decide(reports) {
				for i := range g.Reports {
					if !g.Verdicts[i].Loses {
						want = append(want, g.Reports[i].Span[0])
					}
				}
			}
			slices.Sort(want)
			s := settler(conn)
			work := func(stops bool) {
				for _, m := range marks(t, conn) {
					s.interrupt = func(string) error {
						if stops && rng.IntN(3) == 0 {
							return errStopped
						}
						return nil
					}
					at := time.Unix(m, 0).UTC()
					taken := idsOf(t, conn, at)
					if err := s.Settle(context.WithoutCancel(t.Context()), at); err != nil {
						require.ErrorIs(t, err, errStopped)
						continue // its marks stay, as after a crash
					}
					require.NoError(t, removeMarks(t, conn, at, taken))
				}
			}
			rng.Shuffle(len(reports), func(i, j int) { reports[i], reports[j] = reports[j], reports[i] })
			for rest := reports; len(rest) > 0; {
				n := 1 + rng.IntN(min(6, len(rest)))
				arrive(t, conn, rest[:n]...)
				if rng.IntN(3) == 0 {
					arrive(t, conn, reports[rng.IntN(len(reports))])
				}
				rest = rest[n:]
				work(true)
			}
			for rounds := 0; len(marks(t, conn)) > 0; rounds++ {
				require.Less(t, rounds, 20, "it doesn't come to rest")
				work(false)
			}
			require.Equal(t, want, standing(t, conn))
		})
	}
}

func idsOf(t *testing.T, conn driver.Conn, at time.Time) (ids []string) {
	t.Helper()
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT groupArray(toString(id)) FROM dirty_windows FINAL WHERE done = 0 AND level = 'minute' AND window = {at:DateTime('UTC')}", named("at", at)).Scan(&ids))
	return ids
}
