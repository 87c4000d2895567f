package ingest

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/internal/testkit/kafkatest"
	"github.com/tollkeeper/tollkeeper/internal/testkit/schematest"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

func TestMain(m *testing.M) {
	code := clickhousetest.Run(m)
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// rig is one test's broker and database.
type rig struct {
	t        *testing.T
	broker   *kafkatest.Broker
	engine   *clickhousetest.Server
	url      string
	registry *prometheus.Registry
	out      *logs
	now      func() time.Time // the ingesters' clock; nil: this host's
}

const patience = 90 * time.Second

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, broker: kafkatest.New(t), engine: clickhousetest.Start(t)}
	r.url = schematest.Database(t, r.engine)
	return r
}

func (r *rig) config() Config {
	cfg := DefaultConfig()
	cfg.Brokers, cfg.ClickHouse = r.broker.Brokers, r.url
	cfg.Spans = false
	cfg.Tick = 20 * time.Millisecond
	cfg.RetryMax = 200 * time.Millisecond
	cfg.Heartbeat, cfg.Session = 50*time.Millisecond, 2*time.Second
	return cfg
}

// logs goes to the test's log, until the test ends.
type logs struct {
	mu sync.Mutex
	t  *testing.T
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.t != nil {
		l.t.Log(strings.TrimSpace(string(p)))
	}
	return len(p), nil
}

// running is an ingester under test.
type running struct {
	*Ingester
	stop func() error // clean stop
	done chan error
}

// start runs an ingester until stop or the end of the test.
func (r *rig) start(cfg Config, step func(string) error) *running {
	r.t.Helper()
	return r.run(r.build(cfg, step))
}

// clock is the ingesters'. The calls of tests are of a day that may be to come where they run.
func (r *rig) clock() time.Time {
	if r.now != nil {
		return r.now()
	}
	if now := time.Now(); now.After(noon) {
		return now
	}
	return noon.Add(time.Hour)
}

func (r *rig) build(cfg Config, step func(string) error) *Ingester {
	r.t.Helper()
	r.out = &logs{t: r.t}
	r.registry = prometheus.NewRegistry()
	i, err := New(cfg, Deps{Now: r.clock, Metrics: r.registry, Log: slog.New(slog.NewTextHandler(r.out, nil))})
	require.NoError(r.t, err)
	i.step = step
	return i
}

// run lets what was built last work.
func (r *rig) run(i *Ingester) *running {
	r.t.Helper()
	out := r.out
	ctx, cancel := context.WithCancel(context.Background())
	run := &running{Ingester: i, done: make(chan error, 1)}
	go func() { run.done <- i.Run(ctx) }()
	var once sync.Once
	var result error
	run.stop = func() error {
		once.Do(func() {
			cancel()
			result = <-run.done
		})
		return result
	}
	r.t.Cleanup(func() {
		_ = run.stop()
		out.mu.Lock()
		out.t = nil
		out.mu.Unlock()
	})
	return run
}

func (r *rig) query(sql string) string {
	r.t.Helper()
	return r.engine.Exec(r.t, r.url, sql)
}

// stored is the number of calls and their exact cost, as every reader sees them.
func (r *rig) stored() string {
	r.t.Helper()
	return r.query("SELECT count(), toDecimalString(sum(cost), 12) FROM calls(from = '2026-01-01 00:00:00', to = '2027-01-01 00:00:00')")
}

// wantStored waits until exactly these calls are stored.
func (r *rig) wantStored(calls ...ledger.Call) {
	r.t.Helper()
	var total ledger.Sum
	for i := range calls {
		total = total.AddMoney(calls[i].TotalCost())
	}
	want := fmt.Sprintf("%d\t%s", len(calls), total)
	var got string
	require.Eventually(r.t, func() bool { got = r.stored(); return got == want }, patience, 20*time.Millisecond,
		"want %s", want)
}

// wantCommitted waits until the group has committed every partition's end.
func (r *rig) wantCommitted(cfg Config, topic string) {
	r.t.Helper()
	require.Eventually(r.t, func() bool {
		got := r.broker.Committed(cfg.Group, topic)
		for p, end := range r.broker.End(topic) {
			if end > 0 && got[p] != end {
				return false
			}
		}
		return true
	}, patience, 10*time.Millisecond, "commit of every partition's end")
}

// wantContiguous checks that ingest_ranges prove every offset of the calls topic stored.
func (r *rig) wantContiguous() {
	r.t.Helper()
	id := r.broker.Cluster.TopicInfo(ledger.TopicCalls).TopicID
	conn, err := schema.Open(r.url)
	require.NoError(r.t, err)
	defer conn.Close()
	of := ranges{conn: conn, topic: ledger.TopicCalls, id: id}
	for p, end := range r.broker.End(ledger.TopicCalls) {
		if end == 0 {
			continue
		}
		var rows []rangeRow
		require.Eventually(r.t, func() bool {
			var err error
			rows, err = of.read(context.Background(), int(p))
			require.NoError(r.t, err)
			got, _ := chain(rows)
			return got != nil && got.next == end
		}, patience, 10*time.Millisecond, "partition %d to %d: %+v", p, end, rows)
	}
}

func (r *rig) metric(name string) float64 {
	r.t.Helper()
	families, err := r.registry.Gather()
	require.NoError(r.t, err)
	total := 0.0
	for _, f := range families {
		if f.GetName() == namePrefix+name {
			for _, m := range f.GetMetric() {
				total += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return total
}

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// call is the n-th call of a test, with an identity and a cost of its own.
func call(n int) ledger.Call {
	c := ledger.Call{
		Tenant: fmt.Sprintf("tenant-%d", n%5), TenantSource: ledger.TenantFromAuth, Model: "gpt-5.4", RequestModel: "gpt-5.4",
		Provider: "openai", Operation: "chat", Kind: "sync", Service: "shop", User: fmt.Sprintf("user-%d", n), Emitter: "test@1", Rule: "otel",
		Start: noon.Add(time.Duration(n) * 137 * time.Millisecond).UnixNano(), Duration: 250e6, ResponseID: uint64(n) + 1,
		PriceVersion: "v1", PriceEntry: "openai/gpt-5.4",
	}
	c.Received = c.Start + 3e8
	binary.BigEndian.PutUint64(c.TraceID[:], uint64(n)+1)
	binary.BigEndian.PutUint64(c.SpanID[:], uint64(n)+1)
	c.Usage.Tokens[ledger.FreshInput] = int64(n)
	c.Usage.Tokens[ledger.TextOutput] = 7
	c.Raw.Set(ledger.RawInput, int64(n))
	c.Raw.Set(ledger.RawOutput, 7)
	c.Cost[ledger.CostInput] = ledger.Money(n)*1_234_567 + 1
	c.Cost[ledger.CostOutput] = 7_000_001
	c.SetMinute()
	return c
}

func calls(from, n int) []ledger.Call {
	out := make([]ledger.Call, n)
	for i := range out {
		out[i] = call(from + i)
	}
	return out
}

// spread produces calls, five a record, over the partitions.
func (r *rig) spread(cs []ledger.Call) {
	r.t.Helper()
	for i := 0; i < len(cs); i += 5 {
		r.broker.Calls(r.t, int32(i/5%kafkatest.Partitions), cs[i:min(i+5, len(cs))]...)
	}
}
