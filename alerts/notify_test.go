package alerts_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/alerts/notify"
	"github.com/tollkeeper/tollkeeper/gateway"
)

// inbox is an HTTP receiver that keeps what it took.
type inbox struct {
	mu      sync.Mutex
	status  int
	bodies  [][]byte
	headers []http.Header
	paths   []string
}

func newInbox(t *testing.T) (*inbox, string) {
	in := &inbox{status: http.StatusOK}
	s := httptest.NewServer(in)
	t.Cleanup(s.Close)
	return in, s.URL
}

func (in *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.status == http.StatusOK {
		in.bodies, in.headers, in.paths = append(in.bodies, b), append(in.headers, r.Header), append(in.paths, r.URL.Path)
	}
	w.WriteHeader(in.status)
}

func (in *inbox) answer(status int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.status = status
}

func (in *inbox) count() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.bodies)
}

// alertsOf are the alerts that an Alertmanager was sent, in order: name, and whether it is over by now.
func (in *inbox) alertsOf(t *testing.T, now time.Time) (out []string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, b := range in.bodies {
		var alerts []struct {
			Labels map[string]string
			EndsAt time.Time
		}
		require.NoError(t, json.Unmarshal(b, &alerts))
		for _, a := range alerts {
			state := "firing"
			if !a.EndsAt.After(now) {
				state = "resolved"
			}
			out = append(out, a.Labels["alertname"]+" "+state)
		}
	}
	return out
}

func TestNotificationsAreSentOncePerState(t *testing.T) {
	w := newWorld(t)
	hooks, hookURL := newInbox(t)
	manager, managerURL := newInbox(t)
	secret := gateway.NewSecret()
	cfg := throttling(w)
	cfg.Notify.RunbookURL = "https://runbooks.example.com/"
	cfg.Notify.Webhooks = []notify.Webhook{{Name: "hook", URL: hookURL, Secrets: []string{secret}}}
	cfg.Notify.Alertmanagers = []notify.Alertmanager{{Name: "am", URL: managerURL + "/"}}
	manager.answer(http.StatusServiceUnavailable) // comes back later
	r := w.run(cfg)
	w.calls(twoTenants...)
	w.eventually(func() bool { return hooks.count() == 1 })
	r.settle()
	manager.answer(http.StatusOK)
	w.eventually(func() bool { return manager.count() == 1 })
	w.eventually(func() bool {
		return len(w.stored(`SELECT detail FROM alert_events FINAL WHERE detail LIKE '%"notified":["hook","am"]%'`)) == 1
	})
	r.stop()
	again := w.run(cfg) // who has it isn't told again
	again.settle()

	w.pass(50 * time.Minute)
	w.calls(call{"globex", "0.01", 0, ""})
	again.settle()
	w.pass(10 * time.Second)
	w.awaitState("acme-hour acme resolved")
	w.eventually(func() bool {
		return hooks.count() == 2 && slices.Contains(manager.alertsOf(t, w.clock()), "acme-hour resolved")
	})
	again.settle()
	require.Equal(t, 2, hooks.count())
	told := slices.Compact(manager.alertsOf(t, w.clock())) // what fires is repeated, since an Alertmanager may have forgotten it
	require.Equal(t, []string{"acme-hour firing", "acme-hour resolved"}, told)
	require.Greater(t, manager.count(), 2, "fifty minutes are long enough to be repeated")

	var v4 struct {
		Version, Status, GroupKey string
		Alerts                    []struct {
			Status              string
			Labels, Annotations map[string]string
			StartsAt, EndsAt    time.Time
			Fingerprint         string
		}
	}
	require.NoError(t, json.Unmarshal(hooks.bodies[0], &v4))
	require.Equal(t, "4", v4.Version)
	require.Equal(t, "firing", v4.Status)
	require.Equal(t, map[string]string{"alertname": "acme-hour", "kind": "budget", "severity": "critical", "tenant": "acme", "threshold": "100%"}, v4.Alerts[0].Labels)
	require.Equal(t, "https://runbooks.example.com/budget", v4.Alerts[0].Annotations["runbook_url"])
	require.Equal(t, "tollkeeper throttle release --reason WHY 'acme'", v4.Alerts[0].Annotations["undo"])
	require.True(t, v4.Alerts[0].EndsAt.IsZero())
	keys, err := gateway.NewKeys([]string{secret})
	require.NoError(t, err)
	require.NoError(t, keys.Verify(hooks.headers[0], w.clock(), time.Hour*24, hooks.bodies[0]))
	fingerprint := v4.Alerts[0].Fingerprint
	require.NoError(t, json.Unmarshal(hooks.bodies[1], &v4))
	require.Equal(t, "resolved", v4.Status)
	require.Equal(t, fingerprint, v4.Alerts[0].Fingerprint)

	var v2 []struct {
		Labels           map[string]string
		StartsAt, EndsAt time.Time
	}
	require.Equal(t, "/api/v2/alerts", manager.paths[0])
	require.NoError(t, json.Unmarshal(manager.bodies[0], &v2))
	require.Equal(t, "acme-hour", v2[0].Labels["alertname"])
	require.Equal(t, 4*time.Hour, v2[0].EndsAt.Sub(v2[0].StartsAt))
	require.NoError(t, json.Unmarshal(manager.bodies[manager.count()-1], &v2))
	require.Equal(t, w.clock(), v2[0].EndsAt)
	stored := w.stored("SELECT detail FROM alert_events FINAL WHERE sequence = 1")
	require.Len(t, stored, 1)
	require.Contains(t, stored[0], `{"window":"2026-11-02 10:00:00 to 2026-11-02 11:00:00 UTC","threshold_percent":100,"amount_usd":"1.000000000000","calls":1,"why":{`)
	require.Contains(t, stored[0], `"top_calls":[{"trace":"30303030303030303030303030303031",`)
	require.Contains(t, stored[0], `"notified":["hook","am"]}`)
}

func TestRefusedNotificationIsNotRepeated(t *testing.T) {
	w := newWorld(t)
	bad, badURL := newInbox(t)
	bad.answer(http.StatusBadRequest)
	cfg := throttling(w)
	cfg.Notify.Webhooks = []notify.Webhook{{Name: "hook", URL: badURL}, {Name: "inside", URL: "http://10.255.255.1/"}}
	r := w.run(cfg)
	w.calls(twoTenants...)
	w.eventually(func() bool {
		return len(w.stored("SELECT detail FROM alert_events FINAL WHERE detail LIKE '%hook%' AND detail LIKE '%inside%'")) == 1
	})
	bad.answer(http.StatusOK)
	r.settle()
	require.Zero(t, bad.count())
}

func TestReceiversAddressIsNotLogged(t *testing.T) {
	w := newWorld(t)
	nobody := httptest.NewServer(http.NotFoundHandler())
	nobody.Close()
	cfg := throttling(w)
	cfg.Notify.Webhooks = []notify.Webhook{{Name: "chat", URL: nobody.URL + "/services/T0K3N"}}
	cfg.Notify.Alertmanagers = []notify.Alertmanager{{Name: "inside", URL: "http://10.255.255.1/T0K3N"}}
	cfg.Throttle.Gateway.URL = nobody.URL + "/T0K3N"
	w.run(cfg)
	w.calls(twoTenants...)
	w.awaitStep("acme failed block")
	w.eventually(func() bool {
		return strings.Contains(w.logged(), "receiver=chat") && strings.Contains(w.logged(), "receiver=inside")
	})
	require.Contains(t, w.logged(), "connection refused")
	require.NotContains(t, w.logged(), "T0K3N")
	require.NotContains(t, w.stored("SELECT answer FROM throttle_events WHERE step = 'failed'")[0], "T0K3N")
}
