package rollup

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
)

var errStopped = errors.New("stopped by the test")

// TestTotalsEqualRecomputation stores calls (some late, some twice, some corrected), runs the jobs of two workers in
// any order, stops them after any step, lets a worker sleep in the middle of a window while the world goes on, and
// then asks: is every total, read every way, what one gets by adding up the stored calls?
func TestTotalsEqualRecomputation(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 7))
			w := newWorld(t, rng)
			for range 18 {
				w.act()
			}
			w.rest()
			w.compare()
			for range 6 { // late calls into windows that were at rest
				w.act()
			}
			w.rest()
			w.compare()
		})
	}
}

type world struct {
	t        *testing.T
	rng      *rand.Rand
	conn     driver.Conn
	workers  []*Rollup
	minutes  []time.Time
	truth    truth
	versions map[string]uint64
	sleeping []sleeper
}

// sleeper is a worker that stopped after a step and goes on when woken.
type sleeper struct {
	wake chan struct{}
	done chan struct{}
}

func newWorld(t *testing.T, rng *rand.Rand) *world {
	w := &world{t: t, rng: rng, conn: database(t), truth: truth{map[string]ledger.Call{}}, versions: map[string]uint64{}}
	w.workers = []*Rollup{newRollup(t, w.conn), newRollup(t, w.conn)}
	start := time.Date(2026, 3, 30, 22, 0, 0, 0, time.UTC)
	for _, m := range []int{0, 1, 59, 60, 119, 121, 26 * 60, 50 * 60} { // three days, two months
		w.minutes = append(w.minutes, start.Add(time.Duration(m)*time.Minute))
	}
	return w
}

func (w *world) act() {
	switch n := w.rng.IntN(10); {
	case n < 4:
		w.insert()
	case n < 8:
		w.run(w.rng.IntN(2) == 0)
	case n < 9:
		w.sleep()
	default:
		w.wakeOne()
	}
}

func (w *world) insert() {
	calls := make([]ledger.Call, 1+w.rng.IntN(20))
	versions := make([]uint64, len(calls))
	in := w.minutes
	if w.rng.IntN(2) == 0 {
		in = in[w.rng.IntN(len(in)):][:1]
	}
	for i := range calls {
		calls[i] = randomCall(w.rng, in)
		versions[i] = w.rng.Uint64N(1 << 60)
		w.truth.add(calls[i], versions[i], w.versions)
	}
	store(w.t.Context(), w.t, w.conn, calls, versions)
}

func (w *world) level() Level { return Levels()[w.rng.IntN(len(Levels()))] }

// run lets a worker do one job, stopped after a random step of a random window or not at all.
func (w *world) run(stop bool) {
	r := w.workers[w.rng.IntN(2)]
	in, level := w.rng.IntN(12), w.level()
	if r.side = 0; stop { // else all windows side by side
		r.side, r.claimFirst = 1+w.rng.IntN(3), w.rng.IntN(2) == 0
		r.interrupt = func(window, string) error {
			if in--; in < 0 {
				return errStopped
			}
			return nil
		}
	}
	err := w.job(w.t.Context(), r, level)
	if err != nil {
		require.ErrorIs(w.t, err, errStopped)
		r.unpublished = span{} // it is gone
	}
	r.interrupt, r.side = nil, 0
}

// job makes windows of a level and publishes them, and now and then sums up what was published.
func (w *world) job(ctx context.Context, r *Rollup, level Level) error {
	sums := level == DayBy || level == HourBy
	_, err := r.RunOnce(ctx, level)
	if err == nil {
		err = r.PublishTouched(ctx)
	}
	if err == nil && sums {
		_, err = r.summarize(ctx, nil)
	}
	return err
}

// sleep starts a job of a worker of its own that stops after a random step and waits there.
func (w *world) sleep() {
	r := newRollup(w.t, w.conn)
	r.side, r.claimFirst = 1+w.rng.IntN(3), w.rng.IntN(2) == 0
	in, level := w.rng.IntN(10), w.level()
	s := sleeper{wake: make(chan struct{}), done: make(chan struct{})}
	asleep := make(chan struct{})
	ctx := context.WithoutCancel(w.t.Context())
	r.interrupt = func(window, string) error {
		if in--; in == -1 {
			close(asleep)
			<-s.wake
		}
		return nil
	}
	go func() {
		defer close(s.done)
		if err := w.job(ctx, r, level); err != nil {
			w.t.Error(err)
		}
	}()
	select {
	case <-asleep:
		w.sleeping = append(w.sleeping, s)
	case <-s.done: // it had no work
	}
}

func (w *world) wakeOne() {
	if len(w.sleeping) == 0 {
		return
	}
	i := w.rng.IntN(len(w.sleeping))
	s := w.sleeping[i]
	w.sleeping = append(w.sleeping[:i], w.sleeping[i+1:]...)
	close(s.wake)
	<-s.done
}

// rest wakes everybody and runs all jobs once, in order.
func (w *world) rest() {
	for len(w.sleeping) > 0 {
		w.wakeOne()
	}
	w.workers[0].touch(everything) // as a process that starts has it
	for _, l := range Levels() {
		_, err := w.workers[0].RunOnce(w.t.Context(), l)
		require.NoError(w.t, err)
	}
	require.NoError(w.t, w.workers[0].PublishTouched(w.t.Context()))
	_, err := w.workers[0].summarize(w.t.Context(), nil)
	require.NoError(w.t, err)
	require.Zero(w.t, pendingMarks(w.t, w.conn))
}

func (w *world) compare() {
	from, to := Day.start(w.minutes[0]), Day.start(w.minutes[len(w.minutes)-1]).Add(24*time.Hour)
	for _, view := range []string{"spend_minute", "spend_hour", "spend_day", "spend"} {
		w.equal(view, from, to)
	}
	w.equalBy("spend_hour_by", from, to)
	w.equalBy("spend_day_by", from, to)
	w.equalBy("spend_by", from, to)
	w.equalBy("spend_by", from.Add(22*time.Hour), to.Add(-5*time.Hour))
	boardsEqualViews(w.t, w.conn, from, to)
	sumsEqualViews(w.t, w.conn, from, to)
	require.NoError(w.t, w.workers[0].pruneSummaries(w.t.Context()))
	sumsEqualViews(w.t, w.conn, from, to)
	check, err := w.workers[0].Recompute(w.t.Context(), from, to)
	require.NoError(w.t, err)
	require.Empty(w.t, check.Differences)
	require.Equal(w.t, 4*25, check.Windows)
	require.Zero(w.t, check.Pending)
	for range 5 { // any range of whole minutes
		a := w.minutes[w.rng.IntN(len(w.minutes))].Add(time.Duration(w.rng.IntN(5)-2) * time.Minute)
		b := a.Add(time.Duration(w.rng.IntN(60*60)) * time.Minute)
		w.equal("spend", a, b)
		w.equal("spend_minute", a, b)
	}
}

func (w *world) equal(view string, from, to time.Time) {
	w.t.Helper()
	want := w.truth.totals(from, to)
	got := totalsOf(w.t, w.conn, view, from, to)
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b ledger.Sum) bool { return a == b })); diff != "" {
		w.t.Fatalf("%s(%s, %s) (-want +got):\n%s", view, from, to, diff)
	}
}
