package alerts_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/alerts"
	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

// controllerEnv makes this test binary a controller: alerts.Run as the product runs it, to be killed.
const controllerEnv = "TOLLKEEPER_TEST_CONTROLLER"

// order is what the test tells the controller.
type order struct {
	ClickHouse, Hook, Secret string
	Lease                    time.Duration
}

// controller runs the role and prints each throttle step; it never returns.
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
	a, err := alerts.New(cfg, alerts.Deps{Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), OnEvent: func(e alerts.Event) {
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
	require.NoError(t, cmd.Start())
	c := &child{t, cmd, bufio.NewScanner(out)}
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
	database := clickhousetest.Start(t).Ledger(t)
	conn, err := schema.Open(database)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	taken := make(chan gateway.Ack, 100)
	secret, limiter := gateway.NewSecret(), gateway.NewLimiter(gateway.LimiterOptions{OnCommand: func(a gateway.Ack) { taken <- a }})
	h, err := limiter.WebhookHandler([]string{secret})
	require.NoError(t, err)
	hook := httptest.NewServer(h)
	t.Cleanup(hook.Close)

	now := time.Now().UTC()
	complete := func() { // ingest says that the ledger is complete
		require.NoError(t, conn.Exec(context.Background(), fmt.Sprintf("INSERT INTO ingest_freshness (topic, partition, complete_to) VALUES ('%s', 0, '%s')",
			ledger.TopicCalls, time.Now().UTC().Format("2006-01-02 15:04:05.000"))))
	}
	complete()
	at := now.Format("2006-01-02 15:04:05.000")
	require.NoError(t, conn.Exec(context.Background(), fmt.Sprintf(`INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, start, received, cost_output)
		VALUES ('%s', 'acme', '000000000000000a', '0000000a', 1, '%s', '%s', 2)`, now.Truncate(time.Minute).Format(time.DateTime), at, at)))

	o := order{database, hook.URL, secret, 4 * time.Second}
	first := startController(t, o)
	_, episode := first.await(alerts.StepAcknowledged)
	acme := gateway.Tenant("acme")
	require.True(t, limiter.Allow(acme).Refused)
	for (<-taken).State.Sequence < 2 { // it renews
	}
	first.kill()
	held := limiter.State(acme)
	require.True(t, held.InForce, "the controller died, the lease lasts")
	lasts := time.NewTimer(time.Until(held.Expires))
	defer lasts.Stop()
	<-lasts.C
	require.False(t, limiter.Allow(acme).Refused, "nobody said anything, and the tenant goes on")

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
