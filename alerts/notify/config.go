package notify

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/tollkeeper/tollkeeper/gateway"
)

// Config lists who is told, and how.
type Config struct {
	Timeout       time.Duration  `yaml:"timeout"`     // of one attempt
	RetryAfter    time.Duration  `yaml:"retry_after"` // wait after a failure, give or take half; doubles up to 5m
	GiveUpAfter   time.Duration  `yaml:"give_up_after"`
	PerMinute     int            `yaml:"per_minute"`  // requests a minute to one receiver; what comes faster is put together
	RunbookURL    string         `yaml:"runbook_url"` // link in every notification; the kind of rule is appended
	ViewerURL     string         `yaml:"viewer_url"`  // of links; empty: no links there
	GrafanaURL    string         `yaml:"grafana_url"` // the same, for Grafana
	Templates     Templates      `yaml:"templates"`
	Alertmanagers []Alertmanager `yaml:"alertmanagers"`  // POST /api/v2/alerts
	Webhooks      []Webhook      `yaml:"webhooks"`       // Alertmanager's webhook JSON, version 4
	Slacks        []Slack        `yaml:"slacks"`         // Slack's incoming webhooks
	AllowNetworks []string       `yaml:"allow_networks"` // CIDR prefixes that aren't public but may be called
}

// Templates are Go text templates over a Message; empty: the defaults.
type Templates struct {
	Title string `yaml:"title"`
	Text  string `yaml:"text"`
}

// Only says which episodes a receiver is told; an empty list is no condition.
type Only struct {
	Severities []string `yaml:"severities,omitempty"`
	Tenants    []string `yaml:"tenants,omitempty"`
	Kinds      []string `yaml:"kinds,omitempty"` // the kind watchdog goes to Alertmanagers, and to who lists it here
}

// Alertmanager is a Prometheus Alertmanager; it groups, silences and fans out.
type Alertmanager struct {
	Name string `yaml:"name"`
	URL  string `yaml:"url"` // base, for example http://alertmanager:9093
	Only Only   `yaml:"only,omitempty"`
}

// Webhook receives Alertmanager's webhook JSON (version 4), signed by Standard Webhooks if it has secrets.
type Webhook struct {
	Name    string   `yaml:"name"`
	URL     string   `yaml:"url"`
	Secrets []string `yaml:"secrets"`
	Only    Only     `yaml:"only,omitempty"`
}

// Slack is an incoming webhook of Slack, or of what understands its messages (Mattermost, Rocket.Chat).
type Slack struct {
	Name string `yaml:"name"`
	URL  string `yaml:"url"` // a secret: write ${env:NAME}
	Only Only   `yaml:"only,omitempty"`
}

// DefaultConfig tells nobody.
func DefaultConfig() Config {
	return Config{Timeout: 5 * time.Second, RetryAfter: 5 * time.Second, GiveUpAfter: 24 * time.Hour, PerMinute: 20, ViewerURL: "http://127.0.0.1:8480"}
}

// takes reports whether the receiver is told of the message.
func (o Only) takes(m *Message, watchdog bool) bool {
	in := func(list []string, v string) bool { return len(list) == 0 || slices.Contains(list, v) }
	if m.Test {
		return true
	}
	if m.Kind == KindWatchdog {
		return watchdog || slices.Contains(o.Kinds, KindWatchdog)
	}
	return in(o.Severities, m.Severity) && in(o.Tenants, m.Tenant) && in(o.Kinds, m.Kind)
}

// WantsWatchdog reports that some receiver is told of the alert that always fires.
func (c *Config) WantsWatchdog() bool {
	wants := func(o Only) bool { return slices.Contains(o.Kinds, KindWatchdog) }
	return len(c.Alertmanagers) > 0 || slices.ContainsFunc(c.Webhooks, func(w Webhook) bool { return wants(w.Only) }) ||
		slices.ContainsFunc(c.Slacks, func(s Slack) bool { return wants(s.Only) })
}

// Validate names every problem with its key, its value and the remedy.
func (c *Config) Validate() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	within := func(key string, v, least, most time.Duration) {
		if v < least || v > most {
			add("%s %s: want %s to %s", key, v, least, most)
		}
	}
	within("timeout", c.Timeout, 10*time.Millisecond, time.Minute)
	within("retry_after", c.RetryAfter, 10*time.Millisecond, 5*time.Minute)
	within("give_up_after", c.GiveUpAfter, time.Second, 7*24*time.Hour)
	if c.PerMinute < 1 || c.PerMinute > 6000 {
		add("per_minute %d: want 1 to 6000 requests", c.PerMinute)
	}
	address := func(key, raw string) {
		if u, err := url.Parse(raw); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			add("%s: want http(s)://host/path", key) // not the value: it may be a secret
		}
	}
	for key, raw := range map[string]string{"viewer_url": c.ViewerURL, "grafana_url": c.GrafanaURL, "runbook_url": c.RunbookURL} {
		if raw != "" {
			address(key, raw)
		}
	}
	if _, err := parseTexts(c.Templates.Title, c.Templates.Text); err != nil {
		add("%w", err)
	}
	names := map[string]bool{"log": true}
	check := func(key, name, raw string, o Only) {
		if name == "" || names[name] {
			add("%s.name %q: want a name that no other receiver has", key, name)
		}
		names[name] = true
		address(key+".url", raw)
		for _, s := range o.Severities {
			if s != Critical && s != Warning {
				add("%s.only.severities %q: want critical or warning", key, s)
			}
		}
	}
	for i, a := range c.Alertmanagers {
		check(fmt.Sprintf("alertmanagers[%d]", i), a.Name, a.URL, a.Only)
	}
	for i, w := range c.Webhooks {
		key := fmt.Sprintf("webhooks[%d]", i)
		check(key, w.Name, w.URL, w.Only)
		if len(w.Secrets) > 0 {
			if _, err := gateway.NewKeys(w.Secrets); err != nil {
				add("%s: %w", key, err)
			}
		}
	}
	for i, s := range c.Slacks {
		check(fmt.Sprintf("slacks[%d]", i), s.Name, s.URL, s.Only)
	}
	if _, err := gateway.ParseNetworks(c.AllowNetworks); err != nil {
		add("%w", err)
	}
	return errors.Join(errs...)
}

// receivers builds everything configured, with the client that they share.
func (c *Config) receivers(now func() time.Time) ([]receiver, *http.Client, error) {
	allowed, err := gateway.ParseNetworks(c.AllowNetworks)
	if err != nil {
		return nil, nil, err
	}
	texts, err := parseTexts(c.Templates.Title, c.Templates.Text)
	if err != nil {
		return nil, nil, err
	}
	client := gateway.NewHTTPClient(allowed, c.Timeout)
	var out []receiver
	for _, a := range c.Alertmanagers {
		out = append(out, alertmanager{a, texts, client, now})
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
		out = append(out, webhook{w, texts, keys, client, now})
	}
	for _, s := range c.Slacks {
		out = append(out, slack{s, texts, client})
	}
	return out, client, nil
}
