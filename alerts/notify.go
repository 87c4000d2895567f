package alerts

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tollkeeper/tollkeeper/gateway"
)

// notification is one event for the receivers, with what a person needs beside it.
type notification struct {
	event   AlertEvent
	started time.Time // of the episode
	runbook string
	undo    string // the command that undoes what was done; empty if nothing was
}

// receiver delivers one notification. A refusal (errRefused) isn't tried again.
type receiver interface {
	name() string
	send(ctx context.Context, n notification) error
}

var errRefused = errors.New("notification refused")

func (c *NotifyConfig) validate(p *problems) {
	p.within("notify.timeout", c.Timeout, 10*time.Millisecond, time.Minute)
	p.within("notify.retry_after", c.RetryAfter, 10*time.Millisecond, 5*time.Minute)
	names := map[string]bool{"log": true}
	check := func(key, name, raw string) {
		if name == "" || names[name] {
			p.add("%s.name %q: want a name that no other receiver has", key, name)
		}
		names[name] = true
		if u, err := url.Parse(raw); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			p.add("%s.url: want http(s)://host/path", key)
		}
	}
	for i, a := range c.Alertmanagers {
		check(fmt.Sprintf("notify.alertmanagers[%d]", i), a.Name, a.URL)
	}
	for i, w := range c.Webhooks {
		key := fmt.Sprintf("notify.webhooks[%d]", i)
		check(key, w.Name, w.URL)
		if len(w.Secrets) > 0 {
			if _, err := gateway.NewKeys(w.Secrets); err != nil {
				p.add("%s: %w", key, err)
			}
		}
	}
	if _, err := gateway.ParseNetworks(c.AllowNetworks); err != nil {
		p.add("notify.%w", err)
	}
}

// receivers builds everything configured.
func (c *NotifyConfig) receivers(now func() time.Time) ([]receiver, *http.Client, error) {
	allowed, err := gateway.ParseNetworks(c.AllowNetworks)
	if err != nil {
		return nil, nil, err
	}
	client := gateway.NewHTTPClient(allowed, c.Timeout)
	var out []receiver
	for _, a := range c.Alertmanagers {
		out = append(out, alertmanager{a, client, now})
	}
	for _, w := range c.Webhooks {
		var keys *gateway.Keys
		if len(w.Secrets) > 0 {
			k, err := gateway.NewKeys(w.Secrets)
			if err != nil {
				return nil, nil, err
			}
			keys = &k
		}
		out = append(out, webhook{w, keys, client, now})
	}
	return out, client, nil
}

func (n notification) labels() map[string]string {
	l := map[string]string{"alertname": n.event.Rule, "kind": n.event.Kind, "severity": n.event.Severity}
	if n.event.Tenant != "" {
		l["tenant"] = n.event.Tenant
	}
	var d detail
	if json.Unmarshal([]byte(n.event.Detail), &d) == nil && d.Threshold > 0 {
		l["threshold"] = fmt.Sprintf("%d%%", d.Threshold)
	}
	return l
}

func (n notification) annotations() map[string]string {
	a := map[string]string{"summary": n.event.Summary, "episode": n.event.Episode.String()}
	if n.runbook != "" {
		a["runbook_url"] = n.runbook
	}
	if n.undo != "" {
		a["undo"] = n.undo
	}
	return a
}

func (n notification) resolved() bool { return n.event.State == StateResolved }

// alertmanager posts to a Prometheus Alertmanager, API v2 (OpenAPI of alertmanager v0.34: postableAlerts).
type alertmanager struct {
	cfg    Alertmanager
	client *http.Client
	now    func() time.Time
}

// alertmanagerLife is how long a firing alert stays without being sent again; alertmanagerRefresh is when it is.
const (
	alertmanagerLife    = 4 * time.Hour
	alertmanagerRefresh = time.Hour
)

func (a alertmanager) name() string { return a.cfg.Name }

func (a alertmanager) send(ctx context.Context, n notification) error {
	type postable struct {
		Labels       map[string]string `json:"labels"`
		Annotations  map[string]string `json:"annotations"`
		StartsAt     time.Time         `json:"startsAt"`
		EndsAt       time.Time         `json:"endsAt"`
		GeneratorURL string            `json:"generatorURL,omitempty"`
	}
	ends := a.now().Add(alertmanagerLife)
	if n.resolved() {
		ends = n.event.At
	}
	body, err := json.Marshal([]postable{{n.labels(), n.annotations(), n.started, ends, n.runbook}})
	if err != nil {
		return fmt.Errorf("%w: encode: %w", errRefused, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(a.cfg.URL, "/")+"/api/v2/alerts", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%w: %w", errRefused, gateway.WithoutURL(err))
	}
	return deliver(a.client, req)
}

// webhook posts Alertmanager's webhook JSON, version 4, so that every receiver made for it works.
type webhook struct {
	cfg    Webhook
	keys   *gateway.Keys // nil: unsigned
	client *http.Client
	now    func() time.Time
}

func (w webhook) name() string { return w.cfg.Name }

type webhookAlert struct {
	Status       string            `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"` // the zero time while firing, as Alertmanager writes it
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

type webhookMessage struct {
	Version           string            `json:"version"`
	GroupKey          string            `json:"groupKey"`
	TruncatedAlerts   int               `json:"truncatedAlerts"`
	Status            string            `json:"status"`
	Receiver          string            `json:"receiver"`
	GroupLabels       map[string]string `json:"groupLabels"`
	CommonLabels      map[string]string `json:"commonLabels"`
	CommonAnnotations map[string]string `json:"commonAnnotations"`
	ExternalURL       string            `json:"externalURL"`
	Alerts            []webhookAlert    `json:"alerts"`
}

func (w webhook) send(ctx context.Context, n notification) error {
	labels, status := n.labels(), "firing"
	alert := webhookAlert{Labels: labels, Annotations: n.annotations(), StartsAt: n.started, GeneratorURL: n.runbook,
		Fingerprint: strings.ReplaceAll(n.event.Episode.String(), "-", "")[:16]}
	if n.resolved() {
		status, alert.EndsAt = "resolved", n.event.At
	}
	alert.Status = status
	group := map[string]string{"tenant": n.event.Tenant}
	body, err := json.Marshal(webhookMessage{
		Version: "4", GroupKey: fmt.Sprintf("{}:{tenant=%q}", n.event.Tenant), Status: status, Receiver: w.cfg.Name, GroupLabels: group,
		CommonLabels: labels, CommonAnnotations: alert.Annotations, ExternalURL: n.runbook, Alerts: []webhookAlert{alert},
	})
	if err != nil {
		return fmt.Errorf("%w: encode: %w", errRefused, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.cfg.URL, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%w: %w", errRefused, gateway.WithoutURL(err))
	}
	if w.keys != nil {
		id := fmt.Sprintf("alert-%s-%d", n.event.Episode, n.event.Sequence)
		if err := w.keys.Sign(req.Header, id, w.now(), body); err != nil {
			return fmt.Errorf("%w: %w", errRefused, err)
		}
	}
	return deliver(w.client, req)
}

func deliver(client *http.Client, req *http.Request) error {
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return gateway.WithoutURL(err)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, 300)) // for the message only
	switch {
	case resp.StatusCode/100 == 2:
		return nil
	case resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusRequestTimeout:
		return fmt.Errorf("status %d: %s", resp.StatusCode, answer)
	}
	return fmt.Errorf("%w: status %d: %s", errRefused, resp.StatusCode, answer)
}

// Bounds of a receiver's queue: what doesn't fit or is too old is dropped with a log line; it stays in alert_events.
const (
	queueSize  = 1000
	giveUpFrom = 24 * time.Hour
)

// delivered reports that a receiver has an event.
type delivered struct {
	episode  uuid.UUID
	sequence uint32
	receiver string
	outcome  string // sent or refused
}

// postbox is one receiver's queue, delivered in order, one at a time.
type postbox struct {
	receiver receiver
	cfg      NotifyConfig
	log      *slog.Logger
	metrics  *metrics
	queue    chan notification
	report   chan<- delivered
}

func (p *postbox) put(n notification) {
	select {
	case p.queue <- n:
	default:
		p.metrics.notifications.WithLabelValues(p.receiver.name(), "dropped").Inc()
		p.log.Error("notification dropped: the receiver's queue is full", "receiver", p.receiver.name(), "episode", n.event.Episode, "queued", queueSize)
	}
}

// run delivers until ctx ends.
func (p *postbox) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case n := <-p.queue:
			p.deliver(ctx, n)
		}
	}
}

func (p *postbox) deliver(ctx context.Context, n notification) {
	wait, began := p.cfg.RetryAfter, time.Now()
	for {
		try, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
		err := p.receiver.send(try, n)
		cancel()
		outcome := "sent"
		switch {
		case ctx.Err() != nil:
			return // not reported: it is sent again after the restart
		case errors.Is(err, errRefused) || errors.Is(err, gateway.ErrAddress) || (err != nil && time.Since(began) > giveUpFrom):
			outcome = "refused"
		case err != nil:
			outcome = "failed"
		}
		p.metrics.notifications.WithLabelValues(p.receiver.name(), outcome).Inc()
		if outcome != "sent" {
			p.log.Warn("notification not delivered", "receiver", p.receiver.name(), "episode", n.event.Episode, "outcome", outcome, "err", err)
		}
		if outcome != "failed" {
			select {
			case p.report <- delivered{n.event.Episode, n.event.Sequence, p.receiver.name(), outcome}:
			case <-ctx.Done():
			}
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, 5*time.Minute)
	}
}

// missing lists the receivers that don't have the event yet.
func missing(d detail, all []*postbox) (out []*postbox) {
	for _, p := range all {
		if !slices.Contains(d.Notified, p.receiver.name()) {
			out = append(out, p)
		}
	}
	return out
}
