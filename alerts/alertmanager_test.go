//go:build testall

package alerts_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/alerts/notify"
)

// amAlert is what Alertmanager's API says of an alert.
type amAlert struct {
	Labels, Annotations map[string]string
	StartsAt, EndsAt    time.Time
	Status              struct{ State string }
}

// realAlertmanager runs Debian's Alertmanager on a free port, with a webhook that takes what it sends out.
func realAlertmanager(t *testing.T, hook string) string {
	bin, err := exec.LookPath("prometheus-alertmanager")
	if err != nil {
		bin, err = exec.LookPath("alertmanager")
	}
	require.NoError(t, err, "apt-get install prometheus-alertmanager")
	dir := t.TempDir()
	config := filepath.Join(dir, "am.yml")
	require.NoError(t, os.WriteFile(config, []byte(`
route: {receiver: hook, group_by: [tenant], group_wait: 100ms, group_interval: 200ms, repeat_interval: 1h}
receivers: [{name: hook, webhook_configs: [{url: "`+hook+`"}]}]
`), 0o600))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	cmd := exec.Command(bin, "--config.file="+config, "--storage.path="+filepath.Join(dir, "data"), "--web.listen-address="+address, "--cluster.listen-address=")
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(out.String())
		}
	})
	url := "http://" + address
	require.Eventually(t, func() bool {
		resp, err := http.Get(url + "/-/ready")
		if err == nil {
			resp.Body.Close()
		}
		return err == nil && resp.StatusCode == http.StatusOK
	}, time.Minute, 20*time.Millisecond)
	return url
}

// alertsIn asks the API for what is active, by name.
func alertsIn(t *testing.T, url string) map[string]amAlert {
	resp, err := http.Get(url + "/api/v2/alerts")
	require.NoError(t, err)
	defer resp.Body.Close()
	var all []amAlert
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&all))
	out := map[string]amAlert{}
	for _, a := range all {
		out[a.Labels["alertname"]] = a
	}
	return out
}

// keys are the names of an object's members, and of its first alert's.
func keys(t *testing.T, body []byte) (message, alert []string) {
	var m map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(body, &m))
	var alerts []map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(m["alerts"], &alerts))
	return slices.Sorted(maps.Keys(m)), slices.Sorted(maps.Keys(alerts[0]))
}

// about are the bodies that speak of a rule.
func (in *inbox) about(rule string) (out [][]byte) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, b := range in.bodies {
		if bytes.Contains(b, []byte(`"`+rule+`"`)) {
			out = append(out, b)
		}
	}
	return out
}

// TestRealAlertmanager: an episode fires in Alertmanager's API and is gone from it when it is resolved; whom Alertmanager tells is
// told of it once each; the watchdog fires all the time; our own webhook says all that Alertmanager's says.
func TestRealAlertmanager(t *testing.T) {
	w := newWorld(t)
	// Alertmanager's clock is the real one: what is resolved has to be over there too.
	w.mu.Lock()
	w.now = time.Now().UTC().Add(-time.Minute).Truncate(30 * time.Second).Add(2 * time.Second)
	w.mu.Unlock()
	w.complete = time.Time{}
	w.heartbeat(w.clock())
	out, outURL := newInbox(t)
	ours, oursURL := newInbox(t)
	url := realAlertmanager(t, outURL)
	cfg := throttling(w)
	cfg.Watchdog = true
	cfg.Budgets[0].Period, cfg.Budgets[0].ClearAfter = "30s", time.Second
	cfg.Notify.Alertmanagers = []notify.Alertmanager{{Name: "am", URL: url}}
	cfg.Notify.Webhooks = []notify.Webhook{{Name: "ours", URL: oursURL}}
	r := w.run(cfg)
	w.calls(twoTenants...)
	w.eventually(func() bool { return len(alertsIn(t, url)) == 2 })
	acme := alertsIn(t, url)["acme-hour"]
	require.Equal(t, "active", acme.Status.State)
	require.Equal(t, map[string]string{"alertname": "acme-hour", "kind": "budget", "severity": "critical", "tenant": "acme", "threshold": "100%"}, acme.Labels)
	require.Equal(t, "tollkeeper throttle release --reason WHY 'acme'", acme.Annotations["undo"])
	require.Contains(t, acme.Annotations["description"], "Rise: ")
	require.Contains(t, acme.Annotations["viewer_url"], "#/board/tollkeeper-tenant")
	w.eventually(func() bool { return len(out.about("acme-hour")) == 1 })

	w.pass(30 * time.Second) // the next period: the budget is clear
	r.settle()
	w.pass(2 * time.Second)
	w.awaitState("acme-hour acme resolved")
	w.eventually(func() bool {
		_, fires := alertsIn(t, url)["acme-hour"]
		return !fires && len(out.about("acme-hour")) == 2
	})
	w.pass(28 * time.Second)
	r.settle()
	dog := alertsIn(t, url)["watchdog"]
	require.Equal(t, "active", dog.Status.State)
	require.Less(t, dog.EndsAt.Sub(w.clock()), 5*time.Minute, "if nobody repeats it, it is soon gone")
	require.Len(t, out.about("watchdog"), 1)
	told := out.about("acme-hour")
	require.Len(t, told, 2)
	require.Contains(t, string(told[0]), `"status":"firing"`)
	require.Contains(t, string(told[1]), `"status":"resolved"`)

	message, alert := keys(t, told[0])
	ourMessage, ourAlert := keys(t, ours.about("acme-hour")[0])
	require.Subset(t, ourMessage, message)
	require.Subset(t, ourAlert, alert)
	require.Empty(t, ours.about("watchdog"), "who didn't ask for it isn't told")
}
