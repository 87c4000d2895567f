package alerts_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tollkeeper/tollkeeper/alerts"
	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/internal/testkit/schematest"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

func TestMain(m *testing.M) {
	if o := os.Getenv(controllerEnv); o != "" {
		controller(o)
	}
	code := clickhousetest.Run(m)
	http.DefaultClient.CloseIdleConnections()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// world is a ledger, a gateway with a limiter, and a clock turned by hand.
type world struct {
	t    *testing.T
	url  string
	conn driver.Conn

	mu  sync.Mutex
	now time.Time
	n   int // calls made, for their ids

	complete    time.Time // up to when ingest has said that the ledger is
	ingestStops bool      // it says nothing any more
	logs        strings.Builder

	limiter *gateway.Limiter
	secret  string
	hook    string
	// broken answers in place of the gateway while it isn't nil.
	broken http.Handler

	events  []alerts.Event
	told    []any // what the events pointed to when they were told
	runners []*runner
}

// newWorld is a world of its own: tests in different ones run side by side.
func newWorld(t *testing.T) *world {
	t.Parallel()
	w := &world{t: t, url: schematest.Database(t, clickhousetest.Start(t)), now: time.Date(2026, 11, 2, 10, 20, 30, 0, time.UTC), secret: gateway.NewSecret()}
	var err error
	w.conn, err = schema.Open(w.url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.conn.Close() })
	t.Cleanup(w.unchanged)
	w.heartbeat(w.now)
	w.limiter = gateway.NewLimiter(gateway.LimiterOptions{Now: w.clock})
	h, err := w.limiter.WebhookHandler([]string{w.secret})
	require.NoError(t, err)
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		broken := w.broken
		w.mu.Unlock()
		if broken != nil {
			broken.ServeHTTP(rw, r)
			return
		}
		h.ServeHTTP(rw, r)
	}))
	t.Cleanup(s.Close)
	w.hook = s.URL
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// heartbeat says, as ingest does, that the ledger is complete up to a time: now and then is enough.
func (w *world) heartbeat(at time.Time) {
	w.t.Helper()
	if w.ingestStops || at.Sub(w.complete) < 20*time.Second {
		return
	}
	w.complete = at
	require.NoError(w.t, w.conn.Exec(context.Background(), fmt.Sprintf("INSERT INTO ingest_freshness (topic, partition, complete_to) VALUES ('%s', 0, '%s')",
		ledger.TopicCalls, at.UTC().Format("2006-01-02 15:04:05.000"))))
}

func (w *world) pass(d time.Duration) {
	w.t.Helper()
	w.heartbeat(w.clock().Add(d))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// Write keeps what the role logs.
func (w *world) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.logs.Write(p)
}

func (w *world) logged() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.logs.String()
}

func (w *world) breakGateway(h http.Handler) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = h
}

// call is one call of a tenant, received just now unless said otherwise.
type call struct {
	tenant   string
	cost     string
	ago      time.Duration // start and receipt before now
	unpriced string
}

func (w *world) calls(calls ...call) {
	w.t.Helper()
	batch, err := w.conn.PrepareBatch(context.Background(),
		"INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, start, received, cost_output, unpriced)")
	require.NoError(w.t, err)
	for _, c := range calls {
		at := w.clock().Add(-c.ago)
		w.n++
		require.NoError(w.t, batch.Append(at.Truncate(time.Minute), c.tenant, fmt.Sprintf("%016d", w.n), fmt.Sprintf("%08d", w.n), uint64(1), at, at, c.cost, c.unpriced))
	}
	require.NoError(w.t, batch.Send())
}

// spend makes a call of the given cost every second over the time that ends now.
func (w *world) spend(tenant, cost string, over time.Duration) {
	w.t.Helper()
	var all []call
	for ago := over - time.Second; ago >= 0; ago -= time.Second {
		all = append(all, call{tenant: tenant, cost: cost, ago: ago})
	}
	w.calls(all...)
}

// live passes the time second by second, with a call of each tenant at its cost every second.
func (w *world) live(d time.Duration, costs map[string]string) {
	w.t.Helper()
	w.pass(d)
	var all []call
	for ago := d - time.Second; ago >= 0; ago -= time.Second {
		for tenant, cost := range costs {
			all = append(all, call{tenant: tenant, cost: cost, ago: ago})
		}
	}
	w.calls(all...)
}

func (w *world) config() alerts.Config {
	cfg := alerts.DefaultConfig()
	cfg.ClickHouse = w.url
	cfg.Spikes, cfg.Shares, cfg.Silences, cfg.Limits, cfg.Runaways, cfg.BudgetsTable, cfg.Watchdog = nil, nil, nil, nil, nil, false, false
	cfg.Notify.AllowNetworks = []string{"127.0.0.0/8"}
	cfg.Notify.RetryAfter = 10 * time.Millisecond
	cfg.Notify.PerMinute = 6000
	cfg.Throttle.Gateway.Name = "front"
	cfg.Throttle.Gateway.URL = w.hook
	cfg.Throttle.Gateway.Secrets = []string{w.secret}
	cfg.Throttle.Gateway.AllowNetworks = []string{"127.0.0.0/8"}
	cfg.Throttle.Gateway.Backoff = time.Millisecond
	return cfg
}

// runner is one run of the role. It evaluates when it is told to: by once and settle, and as long as something is awaited.
type runner struct {
	w    *world
	reg  *prometheus.Registry
	due  chan time.Time
	stop func()
	a    *alerts.Alerts
}

func (w *world) run(cfg alerts.Config) *runner {
	w.t.Helper()
	r, done := w.start(cfg, alerts.Deps{}, func(*alerts.Alerts) {})
	end := r.stop
	var once sync.Once
	r.stop = func() {
		once.Do(func() {
			end()
			require.NoError(w.t, <-done)
		})
	}
	w.t.Cleanup(r.stop)
	return r
}

// start runs the role until it is stopped, and tells how it ended.
func (w *world) start(cfg alerts.Config, deps alerts.Deps, before func(*alerts.Alerts)) (r *runner, done <-chan error) {
	w.t.Helper()
	reg := prometheus.NewRegistry()
	log := slog.New(slog.NewTextHandler(w, nil))
	if os.Getenv("TOLLKEEPER_TEST_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	due := make(chan time.Time)
	deps.Log, deps.Metrics, deps.Now, deps.Due = log, reg, w.clock, due
	deps.OnEvent = func(e alerts.Event) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.events, w.told = append(w.events, e), append(w.told, pointedTo(e))
	}
	a, err := alerts.New(cfg, deps)
	require.NoError(w.t, err)
	before(a)
	ctx, cancel := context.WithCancel(context.Background())
	w.t.Cleanup(cancel)
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	r = &runner{w, reg, due, cancel, a}
	w.runners = append(w.runners, r)
	return r, ended
}

// pointedTo is what an event tells, as it is now.
func pointedTo(e alerts.Event) any {
	if e.Alert != nil {
		return *e.Alert
	}
	return *e.Throttle
}

// unchanged: what was told belongs to who was told.
func (w *world) unchanged() {
	for i, e := range w.events {
		require.Equal(w.t, w.told[i], pointedTo(e))
	}
}

// evaluations is the number of evaluations so far.
func (r *runner) evaluations() uint64 {
	families, err := r.reg.Gather()
	require.NoError(r.w.t, err)
	for _, f := range families {
		if f.GetName() == "tollkeeper_alerts_evaluation_seconds" {
			return f.GetMetric()[0].GetHistogram().GetSampleCount()
		}
	}
	return 0
}

// settle makes two whole evaluations: what was to happen by now has happened.
func (r *runner) settle() {
	r.w.t.Helper()
	r.once()
	r.once()
	require.NoError(r.w.t, r.a.Ready(context.Background()))
}

// once makes one whole evaluation.
func (r *runner) once() {
	r.w.t.Helper()
	select {
	case r.due <- time.Time{}: // it has ended the one before
	case <-time.After(patience):
		require.Fail(r.w.t, "an evaluation doesn't end")
	}
	from := r.evaluations()
	r.w.eventually(func() bool { return r.evaluations() > from })
}

// patience is how long a test waits for what has to come.
const patience = time.Minute

// eventually lets every run of the role evaluate until f holds.
func (w *world) eventually(f func() bool) {
	w.t.Helper()
	end := time.Now().Add(patience)
	for looks := 1; !f(); looks++ {
		require.True(w.t, time.Now().Before(end), "what is awaited never came")
		<-time.After(2 * time.Millisecond)
		for _, r := range w.runners {
			if looks%10 == 0 { // an answer from outside comes sooner, and then an evaluation is for nothing
				r.evaluate()
			}
		}
	}
}

// evaluate lets the role evaluate if it waits for that.
func (r *runner) evaluate() {
	select {
	case r.due <- time.Time{}:
	default: // in the middle of an evaluation, or stopped
	}
}

// states are the alert events as an observer was told them: "rule tenant state".
func (w *world) states() (out []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		if e.Alert != nil {
			out = append(out, strings.TrimSpace(e.Alert.Rule+" "+e.Alert.Tenant)+" "+e.Alert.State)
		}
	}
	return out
}

// steps are the throttle events: "tenant step level".
func (w *world) steps() (out []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		if e.Throttle != nil {
			out = append(out, e.Throttle.Tenant+" "+e.Throttle.Step+" "+e.Throttle.Level)
		}
	}
	return out
}

func (w *world) awaitStep(step string) {
	w.t.Helper()
	w.eventually(func() bool { return slices.Contains(w.steps(), step) })
}

func (w *world) awaitState(state string) {
	w.t.Helper()
	w.eventually(func() bool { return slices.Contains(w.states(), state) })
}

func (w *world) lastAlert() alerts.AlertEvent {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range slices.Backward(w.events) {
		if e.Alert != nil {
			return *e.Alert
		}
	}
	return alerts.AlertEvent{}
}

// stored reads a query's first column as texts.
func (w *world) stored(sql string) (out []string) {
	w.t.Helper()
	rows, err := w.conn.Query(context.Background(), sql)
	require.NoError(w.t, err)
	defer rows.Close()
	for rows.Next() {
		var s string
		require.NoError(w.t, rows.Scan(&s))
		out = append(out, s)
	}
	require.NoError(w.t, rows.Err())
	return out
}

func usd(t *testing.T, s string) alerts.Decimal {
	t.Helper()
	d, err := alerts.ParseDecimal(s)
	require.NoError(t, err)
	return d
}

// block is the simplest policy.
var block = &alerts.Policy{Level: gateway.Block}

// dollar is one USD.
const dollar = ledger.USD
