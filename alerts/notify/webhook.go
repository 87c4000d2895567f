package notify

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/tollkeeper/tollkeeper/gateway"
)

// webhook posts Alertmanager's webhook JSON, version 4 (prometheus.io/docs/alerting/latest/configuration, webhook_config),
// so that every receiver made for it works. A request holds the alerts of one tenant.
type webhook struct {
	cfg    Webhook
	texts  texts
	keys   *gateway.Keys // nil: unsigned
	client *http.Client
	now    func() time.Time
}

func (w webhook) name() string            { return w.cfg.Name }
func (w webhook) takes(m *Message) bool   { return w.cfg.Only.takes(m, false) }
func (w webhook) group(m *Message) string { return m.Tenant }

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
	Status            string            `json:"status"` // resolved if all are
	Receiver          string            `json:"receiver"`
	GroupLabels       map[string]string `json:"groupLabels"`
	CommonLabels      map[string]string `json:"commonLabels"`
	CommonAnnotations map[string]string `json:"commonAnnotations"`
	ExternalURL       string            `json:"externalURL"`
	Alerts            []webhookAlert    `json:"alerts"`
}

func (w webhook) send(ctx context.Context, messages []*Message) error {
	first := messages[0]
	out := webhookMessage{Version: "4", GroupKey: fmt.Sprintf("{}:{tenant=%q}", first.Tenant), Status: Resolved, Receiver: w.cfg.Name,
		GroupLabels: map[string]string{"tenant": first.Tenant}, ExternalURL: first.url()}
	var labels, annotations []map[string]string
	for _, m := range messages {
		alert := webhookAlert{Status: Resolved, Labels: m.Labels(), Annotations: w.texts.annotations(m), StartsAt: m.Started, EndsAt: m.At,
			GeneratorURL: m.url(), Fingerprint: strings.ReplaceAll(m.Episode.String(), "-", "")[:16]}
		if !m.Resolved() {
			alert.Status, alert.EndsAt, out.Status = Firing, time.Time{}, Firing
		}
		labels, annotations, out.Alerts = append(labels, alert.Labels), append(annotations, alert.Annotations), append(out.Alerts, alert)
	}
	out.CommonLabels, out.CommonAnnotations = common(labels), common(annotations)
	req, body, err := post(ctx, w.cfg.URL, out)
	if err != nil {
		return err
	}
	if w.keys != nil {
		last := messages[len(messages)-1]
		id := fmt.Sprintf("alert-%s-%d", first.Episode, first.Sequence)
		if last != first {
			id += fmt.Sprintf("-to-%s-%d", last.Episode, last.Sequence)
		}
		if err := w.keys.Sign(req.Header, id, w.now(), body); err != nil {
			return fmt.Errorf("%w: %w", errRefused, err)
		}
	}
	return deliver(w.client, req)
}
