package rollup

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

const (
	waitFor   = 60 * time.Second
	pollEvery = 50 * time.Millisecond
)

// someCalls stores n calls of one tenant in a minute and returns their cost.
func someCalls(t *testing.T, conn driver.Conn, at time.Time, n int) ledger.Sum {
	t.Helper()
	var sum ledger.Sum
	calls := make([]ledger.Call, n)
	versions := make([]uint64, n)
	rng := rand.New(rand.NewPCG(uint64(at.Unix()), uint64(n)))
	for i := range calls {
		calls[i] = randomCall(rng, []time.Time{at})
		calls[i].Tenant = "acme"
		calls[i].TraceID = [16]byte{1, byte(rng.Uint32()), byte(rng.Uint32()), byte(rng.Uint32()), byte(i), byte(i >> 8)}
		sum = sum.AddMoney(calls[i].TotalCost())
	}
	store(t.Context(), t, conn, calls, versions)
	return sum
}

func spent(t *testing.T, conn driver.Conn, view string, from, to time.Time) string {
	t.Helper()
	var sum string
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT toString(sum(cost)) FROM "+view+"(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})",
		named("from", from), named("to", to)).Scan(&sum))
	return parse(t, sum).String()
}

func runAll(t *testing.T, r *Rollup) (all Stats) {
	t.Helper()
	for _, l := range Levels() {
		s, err := r.RunOnce(t.Context(), l)
		require.NoError(t, err)
		all.Windows += s.Windows
		all.Marks += s.Marks
	}
	return all
}

func TestRunRollsUpByItselfAndStops(t *testing.T) {
	clickhousetest.Start(t) // its goroutines are the kit's
	leaks(t)
	conn := database(t)
	registry := prometheus.NewRegistry()
	cfg := DefaultConfig()
	cfg.Minute, cfg.Hour, cfg.Day, cfg.Late, cfg.Watch = "@every 1s", "@every 1s", "@every 1s", "@every 1s", "@every 1s"
	cfg.HourBy, cfg.DayBy = "@every 1s", "@every 1s"
	r, err := New(cfg, Deps{ClickHouse: conn, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Metrics: registry})
	require.NoError(t, err)
	r.share = 0 // no rest
	require.ErrorContains(t, r.Ready(t.Context()), "not looked")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	now := time.Now().UTC()
	want := someCalls(t, conn, Minute.start(now), 20)
	want = want.Add(someCalls(t, conn, Minute.start(now.Add(-30*time.Hour)), 20))
	from, to := Day.start(now.Add(-48*time.Hour)), Day.start(now).Add(48*time.Hour)
	require.Eventually(t, func() bool { return spent(t, conn, "spend_day", from, to) == want.String() }, waitFor, pollEvery)
	require.Equal(t, want.String(), spent(t, conn, "spend", from, to))
	require.NoError(t, r.Ready(t.Context()))
	require.Eventually(t, func() bool { return pendingMarks(t, conn) == 0 }, waitFor, pollEvery)
	require.Eventually(t, func() bool {
		views, boards := bothWays(t, conn, from, to)
		return views == boards
	}, waitFor, pollEvery)
	require.Positive(t, testutil.ToFloat64(r.metrics.windows.WithLabelValues("minute")))
	cancel()
	require.NoError(t, <-done)
	problems, err := testutil.GatherAndLint(registry)
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestRunWaitsForTheServer(t *testing.T) {
	leaks(t)
	conn, err := schema.Open("http://127.0.0.1:1")
	require.NoError(t, err)
	defer conn.Close()
	cfg := DefaultConfig()
	cfg.Minute = "@every 1s"
	r, err := New(cfg, Deps{ClickHouse: conn, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	require.Eventually(t, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.states[jobMinute] != nil && r.states[jobMinute].failures > 1
	}, waitFor, pollEvery)
	require.ErrorContains(t, r.Ready(t.Context()), "127.0.0.1:1")
	cancel()
	require.NoError(t, <-done)
}

func TestAnEmptyWindowCommits(t *testing.T) {
	conn := database(t)
	r := newRollup(t, conn)
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	someCalls(t, conn, at, 3)
	runAll(t, r)
	// The calls go, as after a settlement that gives them to another minute.
	require.NoError(t, conn.Exec(t.Context(), "INSERT INTO settlements (minute, tenant, trace_id, span_id, revision, loses) SELECT minute, tenant, trace_id, span_id, 1, 1 FROM call_reports"))
	mark(t.Context(), t, conn, Minute, at)
	require.Equal(t, Stats{Windows: 5, Marks: 5}, runAll(t, r))
	for _, view := range []string{"spend_minute", "spend_hour", "spend_day", "spend"} {
		require.Equal(t, "0.000000000000", spent(t, conn, view, Day.start(at), Day.start(at).Add(24*time.Hour)), view)
	}
	require.EqualValues(t, 2, count(t, conn, "SELECT max(n) FROM window_revisions WHERE level = 'minute' AND committed = 1 AND rows = 0"))
}

// TestSpendWhileMarksArePending: an hour or day that is about to change is taken apart, so new calls show as soon as
// their minute is done and nothing is counted twice.
func TestSpendWhileMarksArePending(t *testing.T) {
	conn := database(t)
	r := newRollup(t, conn)
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	from, to := Day.start(at), Day.start(at).Add(48*time.Hour)
	sum := someCalls(t, conn, at, 3).Add(someCalls(t, conn, at.Add(26*time.Hour), 3)).Add(someCalls(t, conn, at.Add(2*time.Hour), 3))
	step := func(levels ...Level) {
		t.Helper()
		for _, l := range levels {
			_, err := r.RunOnce(t.Context(), l)
			require.NoError(t, err)
			require.Equal(t, sum.String(), spent(t, conn, "spend", from, to), "after the %ss", l)
		}
	}
	step(Minute, Hour, Day)
	sum = sum.Add(someCalls(t, conn, at.Add(5*time.Minute), 2))
	step(Minute)
	require.NotEqual(t, sum.String(), spent(t, conn, "spend_hour", from, to))
	sum = sum.Add(someCalls(t, conn, at.Add(65*time.Minute), 2))
	step(Minute, Hour)
	sum = sum.Add(someCalls(t, conn, at.Add(70*time.Minute), 2))
	step(Minute, Day, Hour, Day)
	require.Equal(t, sum.String(), spent(t, conn, "spend_day", from, to))
	step(HourBy, DayBy)
	require.Zero(t, pendingMarks(t, conn))
}

func TestClosedAndSealedWindowsAreHeld(t *testing.T) {
	conn := database(t)
	r := newRollup(t, conn, func(c *Config) { c.SealedAfter = 90 * 24 * time.Hour })
	r.now = func() time.Time { return time.Date(2026, 6, 10, 12, 0, 0, 0, time.UTC) }
	closed := time.Date(2026, 5, 31, 23, 59, 0, 0, time.UTC)
	sealed := time.Date(2026, 3, 11, 23, 59, 0, 0, time.UTC)
	free := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	for _, s := range []string{"open", "closed", "reopened"} { // the newest state counts
		require.NoError(t, conn.Exec(t.Context(), "INSERT INTO periods (month, state, at) SELECT '2026-04-01', {s:String}, now64(3) - INTERVAL 1 HOUR", named("s", s)))
		time.Sleep(2 * time.Millisecond)
	}
	require.NoError(t, conn.Exec(t.Context(), "INSERT INTO periods (month, state) SELECT '2026-05-01', 'closed'"))
	reopened := someCalls(t, conn, time.Date(2026, 4, 30, 23, 59, 0, 0, time.UTC), 2)
	someCalls(t, conn, closed, 2)
	someCalls(t, conn, sealed, 2)
	want := reopened.Add(someCalls(t, conn, free, 2))
	require.Equal(t, Stats{Windows: 10, Marks: 10}, runAll(t, r))
	from, to := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	require.Equal(t, want.String(), spent(t, conn, "spend", from, to))
	require.EqualValues(t, 2, pendingMarks(t, conn), "the marks are kept")
	require.NoError(t, r.watch(t.Context()))
	require.EqualValues(t, 2, testutil.ToFloat64(r.metrics.held.WithLabelValues("minute")))
	require.Zero(t, testutil.ToFloat64(r.metrics.backlog.WithLabelValues("minute")))
}

func TestPruneAndSweep(t *testing.T) {
	conn := database(t)
	r := newRollup(t, conn)
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	var sum ledger.Sum
	for i := range 4 {
		sum = sum.Add(someCalls(t, conn, at.Add(time.Duration(i)*time.Minute), 2))
		mark(t.Context(), t, conn, Minute, at)
		runAll(t, r)
	}
	pending := someCalls(t, conn, at.Add(time.Hour), 2)
	rowsBefore := count(t, conn, "SELECT count() FROM cost_minute")
	require.NoError(t, r.prune(t.Context()))
	require.NoError(t, r.sweep(t.Context()))
	require.Equal(t, rowsBefore, count(t, conn, "SELECT count() FROM cost_minute"), "nothing is old enough yet")
	require.Positive(t, count(t, conn, "SELECT count() FROM dirty_windows WHERE done = 1"))

	r.now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	require.NoError(t, r.prune(t.Context()))
	require.NoError(t, r.sweep(t.Context()))
	require.Less(t, count(t, conn, "SELECT count() FROM cost_minute"), rowsBefore)
	require.Zero(t, count(t, conn, "SELECT count() FROM (SELECT level, window, count() AS c FROM window_revisions WHERE committed = 1 GROUP BY level, window HAVING c > 1)"))
	require.Zero(t, count(t, conn, "SELECT count() FROM dirty_windows WHERE done = 1"))
	require.EqualValues(t, 1, pendingMarks(t, conn), "marks that are not done stay")
	require.Equal(t, sum.String(), spent(t, conn, "spend", Day.start(at), Day.start(at).Add(24*time.Hour)))

	highest := count(t, conn, "SELECT max(n) FROM window_revisions WHERE level = 'hour'")
	mark(t.Context(), t, conn, Minute, at)
	runAll(t, r)
	require.Equal(t, highest+1, count(t, conn, "SELECT max(n) FROM window_revisions WHERE level = 'hour' AND window = {w:DateTime('UTC')}", named("w", at)), "claims go on")
	require.Equal(t, sum.Add(pending).String(), spent(t, conn, "spend", Day.start(at), Day.start(at).Add(24*time.Hour)))
}

func TestManyMarksOfOneWindow(t *testing.T) {
	conn := database(t)
	r := newRollup(t, conn)
	require.NoError(t, conn.Exec(t.Context(), `INSERT INTO dirty_windows (level, window, id, due, done)
		SELECT 'minute', toDateTime('2026-03-01 10:00:00', 'UTC'), generateUUIDv4(), now64(3) - 1, 0 FROM numbers(2500)`))
	require.NoError(t, conn.Exec(t.Context(), `INSERT INTO dirty_windows (level, window, id, due, done)
		SELECT 'minute', toDateTime('2026-03-01 10:00:00', 'UTC'), generateUUIDv4(), now64(3) + 3600, 0`))
	s, err := r.RunOnce(t.Context(), Minute)
	require.NoError(t, err)
	require.Equal(t, Stats{Windows: 1, Marks: 2500}, s)
	require.EqualValues(t, 1, count(t, conn, "SELECT count() FROM dirty_windows FINAL WHERE done = 0 AND level = 'minute'"), "a mark that is not due stays")
}

// Marks that were written before the server's clock was set back don't wait until that time comes again.
func TestMarksOfATimeToComeAreDue(t *testing.T) {
	conn := database(t)
	r := newRollup(t, conn)
	require.NoError(t, conn.Exec(t.Context(), `INSERT INTO dirty_windows (level, window, id, due, done, at) VALUES
		('minute', toDateTime('2026-03-01 10:00:00', 'UTC'), generateUUIDv4(), now64(3) + 3600, 0, now64(3) + 3600),
		('minute', toDateTime('2026-03-01 10:01:00', 'UTC'), generateUUIDv4(), now64(3) + 3660, 0, now64(3) + 3600)`))
	s, err := r.RunOnce(t.Context(), Minute)
	require.NoError(t, err)
	require.Equal(t, Stats{Windows: 2, Marks: 2}, s)
}

func TestBatchesAndLanes(t *testing.T) {
	conn := database(t)
	r := newRollup(t, conn, func(c *Config) { c.Batch = 2 })
	now := time.Date(2026, 3, 1, 12, 0, 30, 0, time.UTC)
	r.now = func() time.Time { return now }
	for _, ago := range []time.Duration{0, time.Minute, 9 * time.Minute, 11 * time.Minute, time.Hour, 30 * time.Hour} {
		mark(t.Context(), t, conn, Minute, Minute.start(now.Add(-ago)))
	}
	open, err := r.pass(t.Context(), nil, Minute, r.open())
	require.NoError(t, err)
	require.Equal(t, 3, open.Windows)
	late, err := r.pass(t.Context(), nil, Minute, r.late())
	require.NoError(t, err)
	require.Equal(t, 3, late.Windows)
}

func TestAFailingWindowKeepsNoOther(t *testing.T) {
	conn := database(t)
	r := newRollup(t, conn)
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	sum := someCalls(t, conn, at, 2)
	someCalls(t, conn, at.Add(time.Minute), 2)
	boom := errors.New("boom")
	r.settler = settlerFunc(func(minute time.Time) error {
		if minute.Equal(at) {
			return nil
		}
		return boom
	})
	s, err := r.RunOnce(t.Context(), Minute)
	require.ErrorIs(t, err, boom)
	require.ErrorContains(t, err, "2026-03-01T10:01:00Z")
	require.Equal(t, 1, s.Windows)
	require.Equal(t, sum.String(), spent(t, conn, "spend", Day.start(at), Day.start(at).Add(24*time.Hour)))
	require.EqualValues(t, 1, count(t, conn, "SELECT count() FROM dirty_windows FINAL WHERE done = 0 AND level = 'minute'"))
}

// Windows are recomputed several at once: while they wait for each other, the newest first, as many as that and no more.
func TestWindowsAtOnce(t *testing.T) {
	conn := database(t)
	r := newRollup(t, conn)
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	const windows = 3 * atOnce
	for i := range windows {
		mark(t.Context(), t, conn, Minute, at.Add(time.Duration(i)*time.Minute))
	}
	var mu sync.Mutex
	running, most, oldest := 0, 0, at.Add(time.Hour)
	full := make(chan struct{})
	r.settler = settlerFunc(func(minute time.Time) error {
		mu.Lock()
		if running++; running > most {
			if most = running; most == atOnce {
				close(full)
			}
		}
		if most < atOnce {
			oldest = minute
		}
		mu.Unlock()
		<-full
		mu.Lock()
		running--
		mu.Unlock()
		if minute.Equal(at) {
			panic("a bug")
		}
		return nil
	})
	stats, err := r.RunOnce(t.Context(), Minute)
	require.ErrorContains(t, err, "minute 2026-03-01T10:00:00Z: panic: a bug")
	require.Equal(t, windows-1, stats.Windows)
	require.Equal(t, atOnce, most)
	require.False(t, oldest.Before(at.Add((windows-atOnce)*time.Minute)), "%s is not among the newest", oldest)

	stop := make(chan struct{})
	close(stop)
	stats, err = r.pass(t.Context(), stop, Minute, r.all())
	require.NoError(t, err)
	require.Zero(t, stats.Windows)
	r.settler = settlerFunc(func(time.Time) error { return errors.New("the server is in trouble") })
	for i := range 4 * maxFailures {
		mark(t.Context(), t, conn, Minute, at.Add(time.Duration(i)*time.Minute))
	}
	_, err = r.RunOnce(t.Context(), Minute)
	require.Less(t, strings.Count(err.Error(), "in trouble"), maxFailures+atOnce)
}

// What another worker has done since the marks were read isn't done again.
func TestWindowsThatOthersHaveDone(t *testing.T) {
	conn := database(t)
	r, other := newRollup(t, conn), newRollup(t, conn)
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	const windows = sideBySide + 3
	for i := range windows {
		mark(t.Context(), t, conn, Minute, at.Add(time.Duration(i)*time.Minute))
	}
	var once sync.Once
	r.settler = settlerFunc(func(time.Time) error {
		var err error
		once.Do(func() {
			_, err = other.RunOnce(t.Context(), Minute)
			mark(t.Context(), t, conn, Minute, at) // the oldest is due again
		})
		return err
	})
	stats, err := r.RunOnce(t.Context(), Minute)
	require.NoError(t, err)
	require.Equal(t, sideBySide+1, stats.Windows, "those that were begun, and the one that is due again")
	_, err = r.RunOnce(t.Context(), Minute)
	require.NoError(t, err)
	require.Zero(t, count(t, conn, "SELECT count() FROM dirty_windows FINAL WHERE done = 0 AND level = 'minute'"))
}

func TestAMarkOffItsWindowIsRefused(t *testing.T) {
	conn := database(t)
	mark(t.Context(), t, conn, Minute, time.Date(2026, 3, 1, 10, 0, 17, 0, time.UTC))
	_, err := newRollup(t, conn).RunOnce(t.Context(), Minute)
	require.ErrorContains(t, err, "minute 2026-03-01T10:00:17Z: a mark must be at the start")
	require.Zero(t, count(t, conn, "SELECT count() FROM window_revisions"))
}

// TestSettlementComesBeforeTheClaim: what settlement writes is in the revision that is then made.
func TestSettlementComesBeforeTheClaim(t *testing.T) {
	conn := database(t)
	r := newRollup(t, conn)
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	someCalls(t, conn, at, 2)
	r.settler = settlerFunc(func(time.Time) error {
		require.Zero(t, count(t, conn, "SELECT count() FROM window_revisions"))
		return conn.Exec(t.Context(), "INSERT INTO settlements (minute, tenant, trace_id, span_id, revision, loses) SELECT minute, tenant, trace_id, span_id, 1, 1 FROM call_reports")
	})
	_, err := r.RunOnce(t.Context(), Minute)
	require.NoError(t, err)
	require.Equal(t, "0.000000000000", spent(t, conn, "spend", Day.start(at), Day.start(at).Add(24*time.Hour)))
}

type settlerFunc func(time.Time) error

func (f settlerFunc) Settle(_ context.Context, minute time.Time) error { return f(minute) }

func (f settlerFunc) LookAgain(context.Context, time.Time, time.Time) error { return nil }
