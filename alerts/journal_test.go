package alerts_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/alerts"
	"github.com/tollkeeper/tollkeeper/alerts/notify"
)

func (w *world) journal(cfg alerts.Config) *alerts.Journal {
	w.t.Helper()
	j, err := alerts.OpenJournal(w.url, cfg.Notify)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { require.NoError(w.t, j.Close()) })
	return j
}

func facts(m notify.Message) map[string]string {
	out := map[string]string{}
	for _, f := range m.Facts {
		out[f.Name] = f.Text
	}
	return out
}

// TestEpisodeExplainsItself: what rose, by how much, against what, what it mostly is, the calls, the links, what was done, the
// runbook and the command that undoes it; in the notification and in the journal.
func TestEpisodeExplainsItself(t *testing.T) {
	w := newWorld(t)
	chat, chatURL := newInbox(t)
	cfg := throttling(w)
	cfg.Notify.GrafanaURL = "http://grafana.example"
	cfg.Notify.Slacks = []notify.Slack{{Name: "chat", URL: chatURL}}
	r := w.run(cfg)
	w.calls(twoTenants...)
	require.NoError(t, w.conn.Exec(t.Context(), `INSERT INTO call_reports (minute, tenant, model, team, trace_id, span_id, version, start, received, cost_output)
		VALUES ('2026-11-02 10:20:00', 'acme', 'dear', 'search', 'abcdefghijklmnop', 'abcdefgh', 1, '2026-11-02 10:20:29', '2026-11-02 10:20:29', 3)`))
	w.awaitStep("acme acknowledged block")
	w.eventually(func() bool { return chat.count() == 1 })
	r.settle()

	j := w.journal(cfg)
	all, err := j.Episodes(t.Context(), w.clock().Add(-time.Hour))
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.True(t, all[0].Open())
	x, err := j.Explain(t.Context(), all[0].Began.Episode.String()[:8])
	require.NoError(t, err)
	m := x.Message
	require.Contains(t, m.Summary, "acme has spent")
	f := facts(m)
	require.Contains(t, f["Rise"], "% of the budget of 1.00 USD")
	require.Contains(t, f["Mostly"], "3.00 USD, and 0.00 USD in the time before")
	require.Contains(t, f["Done"], "block at front: ordered 10:20:30, acknowledged 10:20:30")
	require.Equal(t, "tollkeeper throttle release --reason WHY 'acme'", m.Undo)
	require.Equal(t, "docs/alerts/budget.md", m.Runbook)
	require.Equal(t, "3.00", m.Calls[0].USD)
	require.Equal(t, "http://127.0.0.1:8480/#/call/6162636465666768696a6b6c6d6e6f70/6162636465666768", m.Calls[0].URL)
	require.Equal(t, []string{"Viewer", "Grafana"}, []string{m.Links[0].Name, m.Links[1].Name})
	require.Contains(t, m.Links[0].URL, "http://127.0.0.1:8480/#/board/tollkeeper-tenant?range=")
	require.Contains(t, m.Links[1].URL, "http://grafana.example/d/tollkeeper-tenant?from=")
	require.Contains(t, m.Links[1].URL, "var-tenant=61636D65")
	require.Equal(t, map[string]string{"firing to chat": notify.Sent}, x.Told)
	told := string(chat.bodies[0])
	for _, want := range []string{"critical: acme-hour of acme", f["Rise"], "3.00 USD, and 0.00 USD", "block at front: ordered", "release --reason WHY 'acme'",
		"docs/alerts/budget.md", "board/tollkeeper-tenant", "grafana.example", "#/call/6162636465666768"} {
		require.Contains(t, told, want)
	}

	w.pass(50 * time.Minute)
	w.calls(call{"globex", "0.01", 0, ""})
	r.settle()
	w.pass(10 * time.Second)
	w.awaitState("acme-hour acme resolved")
	w.eventually(func() bool { return chat.count() == 2 })
	over := string(chat.bodies[1])
	require.Contains(t, over, "✅ resolved: acme-hour of acme")
	require.Contains(t, over, "*Lasted* 50m10s")
	require.NotContains(t, over, "*Undo*")

	for _, bad := range []string{"", "ffffffff", "%"} {
		_, err := j.Explain(t.Context(), bad)
		require.Error(t, err, bad)
	}
}

func TestDeadLettersAreKeptAndSentAgain(t *testing.T) {
	w := newWorld(t)
	chat, chatURL := newInbox(t)
	chat.answer(http.StatusNotFound)
	cfg := throttling(w)
	cfg.Notify.Slacks = []notify.Slack{{Name: "chat", URL: chatURL}}
	r := w.run(cfg)
	w.calls(twoTenants...)
	j := w.journal(cfg)
	var letters []alerts.DeadLetter
	w.eventually(func() bool {
		var err error
		letters, err = j.DeadLetters(context.Background(), false)
		require.NoError(t, err)
		return len(letters) == 1
	})
	require.Equal(t, []string{"chat", notify.Refused, "acme-hour", "acme", "firing"}, []string{letters[0].Receiver, letters[0].Outcome, letters[0].Rule, letters[0].Tenant, letters[0].State})
	require.Contains(t, letters[0].Reason, "status 404")

	sent, err := j.Resend(t.Context(), letters, "eve")
	require.ErrorContains(t, err, "status 404")
	require.Zero(t, sent)
	chat.answer(http.StatusOK)
	sent, err = j.Resend(t.Context(), letters, "eve")
	require.NoError(t, err)
	require.Equal(t, 1, sent)
	require.Contains(t, string(chat.bodies[0]), "acme has spent")
	letters, err = j.DeadLetters(t.Context(), false)
	require.NoError(t, err)
	require.Empty(t, letters)
	letters, err = j.DeadLetters(t.Context(), true)
	require.NoError(t, err)
	require.Equal(t, "eve", letters[0].Author)
	r.settle()
	require.Equal(t, 1, chat.count())
}

// TestMaintenanceWindowIsTakenWhileRunning: nothing begins in it, what still holds fires after it.
func TestMaintenanceWindowIsTakenWhileRunning(t *testing.T) {
	w := newWorld(t)
	cfg := throttling(w)
	cfg.BudgetsTable = true
	j := w.journal(cfg)
	window := func(tenant string) alerts.Window {
		x, err := j.Silence(t.Context(), alerts.Window{Author: "eve", Maintenance: alerts.Maintenance{From: w.clock(), To: w.clock().Add(time.Hour * 24 * 30), Reason: "test", Tenants: []string{tenant}}})
		require.NoError(t, err)
		return x
	}
	window("globex")
	acme := window("acme")
	r := w.run(cfg)
	w.calls(twoTenants...)
	r.settle()
	require.Empty(t, w.states())
	all, err := j.Windows(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 2)
	_, err = j.Unsilence(t.Context(), acme.ID.String()[:8], "eve")
	require.NoError(t, err)
	w.pass(5 * time.Second)
	w.awaitState("acme-hour acme firing")

	_, err = j.Silence(t.Context(), alerts.Window{Author: "eve", Maintenance: alerts.Maintenance{From: w.clock(), To: w.clock().AddDate(1, 0, 0), Reason: "for good"}})
	require.ErrorContains(t, err, "at most 31 days")
	_, err = j.Unsilence(t.Context(), "", "eve")
	require.Error(t, err)
}

func TestReviewOfAMonth(t *testing.T) {
	w := newWorld(t)
	for _, row := range []string{
		"'a0000000-0000-4000-8000-000000000001', 1, 'loud', 'spike', 'acme', 'firing', 'critical', '2026-11-02 10:00:00'",
		"'a0000000-0000-4000-8000-000000000001', 2, 'loud', 'spike', 'acme', 'resolved', 'critical', '2026-11-02 10:10:00'",
		"'a0000000-0000-4000-8000-000000000002', 1, 'loud', 'spike', 'acme', 'firing', 'critical', '2026-11-03 10:00:00'",
		"'a0000000-0000-4000-8000-000000000002', 2, 'loud', 'spike', 'acme', 'resolved', 'critical', '2026-11-03 10:20:00'",
		"'a0000000-0000-4000-8000-000000000003', 1, 'budget', 'budget', 'acme', 'firing', 'warning', '2026-11-30 23:59:59'",
		"'a0000000-0000-4000-8000-000000000004', 1, 'budget', 'budget', 'acme', 'firing', 'critical', '2026-12-01 00:00:00'",
		"'a0000000-0000-4000-8000-000000000005', 1, 'watchdog', 'watchdog', '', 'firing', 'none', '2026-11-02 00:00:00'",
	} {
		require.NoError(t, w.conn.Exec(t.Context(), "INSERT INTO alert_events (episode, sequence, rule, kind, tenant, state, severity, at) VALUES ("+row+")"))
	}
	require.NoError(t, w.conn.Exec(t.Context(), `INSERT INTO throttle_events (tenant, sequence, step, episode, author, dry_run, at)
		VALUES ('acme', 1, 'acknowledged', 'a0000000-0000-4000-8000-000000000003', 'alerts', 0, '2026-11-30 23:59:59'),
			('acme', 0, 'dry_run', 'a0000000-0000-4000-8000-000000000001', 'alerts', 1, '2026-11-02 10:00:00')`))
	j := w.journal(w.config())
	_, err := j.Label(t.Context(), "a0000000-0000-4000-8000-000000000001", alerts.VerdictWrong, false, "", "eve")
	require.NoError(t, err)
	_, err = j.Label(t.Context(), "a0000000-0000-4000-8000-000000000002", alerts.VerdictNoise, false, "", "eve")
	require.NoError(t, err)
	_, err = j.Label(t.Context(), "a0000000-0000-4000-8000-000000000002", alerts.VerdictRight, false, "after all", "eve")
	require.NoError(t, err)
	_, err = j.Label(t.Context(), "a0000000-0000-4000-8000-000000000002", "perhaps", false, "", "eve")
	require.Error(t, err)

	from := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	got, err := j.Review(t.Context(), from, from.AddDate(0, 1, 0))
	require.NoError(t, err)
	require.Equal(t, []alerts.RuleReview{
		{Rule: "loud", Kind: "spike", Episodes: 2, Pages: 2, Right: 1, Wrong: 1, Median: 20 * time.Minute},
		{Rule: "budget", Kind: "budget", Episodes: 1, Acted: 1, Open: 1},
	}, got)
	percent, ok := got[0].Precision()
	require.True(t, ok)
	require.Equal(t, 50, percent)
}
