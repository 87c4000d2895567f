package notify

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// alertmanager posts to a Prometheus Alertmanager, API v2 (OpenAPI of alertmanager v0.34: postableAlerts).
type alertmanager struct {
	cfg    Alertmanager
	texts  texts
	client *http.Client
	now    func() time.Time
}

// RefreshEvery is how often what fires is sent to Alertmanagers again: one that restarts has forgotten it. A firing alert
// that isn't repeated ends there after life; the watchdog's is short, so that its end is noticed soon, an episode's is long,
// since a restart of this process is no resolve.
const (
	RefreshEvery = time.Minute
	life         = 4 * time.Hour
	watchdogLife = 3 * time.Minute
	testLife     = 5 * time.Minute
)

func (a alertmanager) name() string            { return a.cfg.Name }
func (a alertmanager) takes(m *Message) bool   { return a.cfg.Only.takes(m, true) }
func (a alertmanager) group(m *Message) string { return "" }

type postable struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

func (a alertmanager) send(ctx context.Context, messages []*Message) error {
	alerts := make([]postable, len(messages))
	for i, m := range messages {
		started, ends := m.Started, a.ends(m)
		if ends.Before(started) { // the clock was set back; an Alertmanager refuses the whole request for it
			started = ends
		}
		alerts[i] = postable{m.Labels(), a.texts.annotations(m), started, ends, m.url()}
	}
	req, _, err := post(ctx, strings.TrimSuffix(a.cfg.URL, "/")+"/api/v2/alerts", alerts)
	if err != nil {
		return err
	}
	return deliver(a.client, req)
}

func (a alertmanager) ends(m *Message) time.Time {
	switch {
	case m.Resolved():
		return m.At
	case m.Kind == KindWatchdog:
		return a.now().Add(watchdogLife)
	case m.Test:
		return a.now().Add(testLife)
	}
	return a.now().Add(life)
}

// annotations are the message's words, under the names that templates of Alertmanager use.
func (t texts) annotations(m *Message) map[string]string {
	a := map[string]string{"title": t.line(m), "summary": m.Summary, "description": t.body(m), "episode": m.Episode.String()}
	for name, v := range map[string]string{"runbook_url": m.Runbook, "undo": m.Undo} {
		if v != "" {
			a[name] = v
		}
	}
	for _, f := range m.Facts {
		a[strings.ToLower(strings.ReplaceAll(f.Name, " ", "_"))] = f.Text
	}
	for _, l := range m.Links {
		a[strings.ToLower(l.Name)+"_url"] = l.URL
	}
	return a
}
