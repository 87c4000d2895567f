package alerts_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/alerts"
	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/internal/testkit/schematest"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

// controllerEnv makes this test binary a controller: alerts.Run as the product runs it, to be killed.
const controllerEnv = "TOLLKEEPER_TEST_CONTROLLER"

// order is what the test tells the controller.
type order struct {
	ClickHouse, Hook, Secret string
	Lease, Ahead             time.Duration // Ahead is how far its clock is before the machine's
}

// controller runs the role and prints each throttle step; it never returns. Its clock is turned by what it reads.
func controller(text string) {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		panic(err)
	}
	amount, err := alerts.ParseDecimal("1")
	if err != nil {
		panic(err)
	}
	cfg := alerts.DefaultConfig()
	cfg.ClickHouse, cfg.EvaluateEvery = o.ClickHouse, 50*time.Millisecond
	cfg.Spikes, cfg.Shares, cfg.Silences, cfg.Limits, cfg.Runaways, cfg.BudgetsTable = nil, nil, nil, nil, nil, false
	cfg.Budgets = []alerts.Budget{{Name: "acme-day", Tenant: "acme", Period: "day", Amount: amount, Thresholds: []int{100}, Throttle: block}}
	cfg.Throttle.Enforce, cfg.Throttle.Lease = []string{"acme"}, o.Lease
	cfg.Throttle.Gateway.URL, cfg.Throttle.Gateway.Secrets, cfg.Throttle.Gateway.AllowNetworks = o.Hook, []string{o.Secret}, []string{"127.0.0.0/8"}
	var ahead atomic.Int64
	ahead.Store(int64(o.Ahead))
	go func() {
		for turns := bufio.NewScanner(os.Stdin); turns.Scan(); {
			d, err := time.ParseDuration(turns.Text())
			if err != nil {
				panic(err)
			}
			ahead.Add(int64(d))
		}
	}()
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	a, err := alerts.New(cfg, alerts.Deps{Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), Now: now, OnEvent: func(e alerts.Event) {
		if e.Throttle != nil {
			fmt.Println(e.Throttle.Step, e.Throttle.Sequence, e.Throttle.Episode)
		}
	}})
	if err != nil {
		panic(err)
	}
	panic(a.Run(context.Background()))
}

// child is a running controller.
type child struct {
	t     *testing.T
	cmd   *exec.Cmd
	turns io.Writer
	steps *bufio.Scanner
}

func startController(t *testing.T, o order) *child {
	t.Helper()
	text, err := json.Marshal(o)
	require.NoError(t, err)
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), controllerEnv+"="+string(text))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	c := &child{t, cmd, in, bufio.NewScanner(out)}
	t.Cleanup(func() { c.kill() })
	return c
}

// await reads steps until one comes, and returns its sequence and episode.
func (c *child) await(step string) (sequence uint64, episode string) {
	c.t.Helper()
	for c.steps.Scan() {
		if name, rest, _ := strings.Cut(c.steps.Text(), " "); name == step {
			_, err := fmt.Sscan(rest, &sequence, &episode)
			require.NoError(c.t, err)
			return sequence, episode
		}
	}
	require.Fail(c.t, "the controller ended before the step "+step)
	return 0, ""
}

// kill is kill −9.
func (c *child) kill() {
	if c.cmd.ProcessState == nil {
		_ = c.cmd.Process.Kill() // it may have ended by itself: then Wait says so
		_ = c.cmd.Wait()
	}
}

// A controller that is killed in the middle of a throttle leaves a lease that runs out at the gateway; the next one goes
// on with the same episode and the next sequence.
func TestControllerKilledInTheMiddleOfAThrottle(t *testing.T) {
	database := schematest.Database(t, clickhousetest.Start(t))
	conn, err := schema.Open(database)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	var ahead atomic.Int64 // of all clocks: it is always the same morning, and the time that a lease takes isn't waited for
	ahead.Store(int64(time.Until(time.Date(2026, 11, 2, 10, 20, 30, 0, time.UTC))))
	clock := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())).UTC() }
	taken := make(chan gateway.Ack, 100)
	secret, limiter := gateway.NewSecret(), gateway.NewLimiter(gateway.LimiterOptions{Now: clock, OnCommand: func(a gateway.Ack) { taken <- a }})
	h, err := limiter.WebhookHandler([]string{secret})
	require.NoError(t, err)
	hook := httptest.NewServer(h)
	t.Cleanup(hook.Close)

	now := clock()
	complete := func() { // ingest says that the ledger is complete
		require.NoError(t, conn.Exec(context.Background(), fmt.Sprintf("INSERT INTO ingest_freshness (topic, partition, complete_to) VALUES ('%s', 0, '%s')",
			ledger.TopicCalls, clock().Format("2006-01-02 15:04:05.000"))))
	}
	complete()
	at := now.Format("2006-01-02 15:04:05.000")
	require.NoError(t, conn.Exec(context.Background(), fmt.Sprintf(`INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, start, received, cost_output)
		VALUES ('2026-11-02 10:20:00', 'acme', '000000000000000a', '0000000a', 1, '%s', '%s', 2)`, at, at)))

	for _, rollup := range []string{
		`INSERT INTO cost_minute (window, n, worker, tenant, calls, cost) VALUES ('2026-11-02 10:20:00', 1, 7, 'acme', 1, 2)`,
		`INSERT INTO window_revisions (level, window, n, worker, committed) VALUES ('minute', '2026-11-02 10:20:00', 1, 7, 1)`,
	} {
		require.NoError(t, conn.Exec(context.Background(), rollup))
	}

	o := order{database, hook.URL, secret, 2 * time.Minute, time.Duration(ahead.Load())}
	first := startController(t, o)
	_, episode := first.await(alerts.StepAcknowledged)
	acme := gateway.Tenant("acme")
	require.True(t, limiter.Allow(acme).Refused)
	ahead.Add(int64(o.Lease / 2))
	complete()
	_, err = fmt.Fprintln(first.turns, o.Lease/2)
	require.NoError(t, err)
	for (<-taken).State.Sequence < 2 { // it renews
	}
	first.kill()
	held := limiter.State(acme)
	require.True(t, held.InForce, "the controller died, the lease lasts")
	require.True(t, limiter.Allow(acme).Refused)
	ahead.Add(int64(o.Lease))
	require.False(t, limiter.Allow(acme).Refused, "nobody said anything, and the tenant goes on")

	o.Ahead = time.Duration(ahead.Load())
	complete()
	second := startController(t, o)
	sequence, same := second.await(alerts.StepAcknowledged)
	require.Equal(t, episode, same, "the episode goes on")
	require.Greater(t, sequence, held.Sequence)
	require.True(t, limiter.Allow(acme).Refused)
	steps := []string{}
	rows, err := conn.Query(context.Background(), "SELECT step FROM throttle_events WHERE step = 'expired'")
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var s string
		require.NoError(t, rows.Scan(&s))
		steps = append(steps, s)
	}
	require.Equal(t, []string{"expired"}, steps, "the lease's end is written down by the next controller")
}
