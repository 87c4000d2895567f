package alerts_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/alerts"
	"github.com/tollkeeper/tollkeeper/gateway"
)

// gauge is the value of a gauge without labels.
func (r *runner) gauge(name string) float64 {
	r.w.t.Helper()
	families, err := r.reg.Gather()
	require.NoError(r.w.t, err)
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	require.Fail(r.w.t, "no gauge "+name)
	return 0
}

func TestGoneGatewayIsProbedAndComesBack(t *testing.T) {
	w := newWorld(t)
	w.breakGateway(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusGone) }))
	cfg := throttling(w)
	cfg.Throttle.Enforce = []string{"acme", "globex"}
	cfg.Budgets = append(cfg.Budgets, alerts.Budget{Name: "globex-hour", Tenant: "globex", Period: "hour", Amount: usd(t, "1"),
		Thresholds: []int{100}, Throttle: block})
	r := w.run(cfg)
	w.calls(call{"acme", "2", time.Second, ""})
	w.awaitStep("acme failed block")
	require.Equal(t, 1.0, r.gauge("tollkeeper_alerts_gateway_gone"))
	w.calls(call{"globex", "2", 0, ""})
	w.awaitStep("globex dry_run block")
	require.Contains(t, w.stored("SELECT answer FROM throttle_events WHERE tenant = 'globex'")[0], "the gateway answered 410 Gone")
	r.settle()
	require.NotContains(t, w.steps(), "globex ordered block", "it isn't called for every tenant")

	both := []call{{"acme", "2", 0, ""}, {"globex", "2", 0, ""}}
	w.pass(10 * time.Minute)
	w.calls(both...)
	r.settle()
	w.eventually(func() bool { return len(w.stored("SELECT step FROM throttle_events WHERE step = 'failed'")) == 2 })
	require.Len(t, w.stored("SELECT step FROM throttle_events WHERE step = 'ordered'"), 2, "one command asks whether it is back")
	require.Equal(t, 1.0, r.gauge("tollkeeper_alerts_gateway_gone"))

	w.breakGateway(nil)
	w.pass(9 * time.Minute)
	w.calls(both...)
	r.settle()
	require.Empty(t, w.limiter.States(), "not yet time")
	w.pass(time.Minute)
	w.eventually(func() bool {
		return w.limiter.State(gateway.Tenant("acme")).InForce && w.limiter.State(gateway.Tenant("globex")).InForce
	})
	w.eventually(func() bool { return r.gauge("tollkeeper_alerts_gateway_gone") == 0 })
}

func TestDryRunSaysWhy(t *testing.T) {
	for name, c := range map[string]struct{ url, why string }{
		"no gateway":   {"", "not sent: throttle.gateway.url is empty"},
		"not opted in": {"kept", "not sent: throttle.enforce doesn't name this tenant"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			cfg := throttling(w)
			cfg.Throttle.Enforce = nil
			if c.url == "" {
				cfg.Throttle.Gateway.URL = ""
			}
			w.run(cfg)
			w.calls(twoTenants...)
			w.awaitStep("acme dry_run block")
			require.Equal(t, []string{c.why}, w.stored("SELECT answer FROM throttle_events"))
		})
	}
}
