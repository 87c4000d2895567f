// Package litellm sets limits at a LiteLLM proxy through its admin API: rpm and tpm of a key, or of a team.
//
// It needs the proxy's database (without it the admin API answers an error) and a proxy-admin key. It sets limits and never
// blocks: /team/block wrote only the database in versions whose proxies go on from a cache for minutes, and blocks of a key may not
// reach other proxies. Every write is read back, since a proxy that can't store it may still answer 200. Fields that aren't named
// in an update stay.
package litellm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tollkeeper/tollkeeper/gateway"
)

// Config names a proxy.
type Config struct {
	URL           string            `yaml:"url"`            // base, for example http://litellm:4000
	Key           string            `yaml:"key"`            // a proxy-admin key
	Teams         map[string]string `yaml:"teams"`          // tenant → team id; a tenant that isn't named is its own team id
	AllowNetworks []string          `yaml:"allow_networks"` // CIDR prefixes that aren't public but may be called
	Timeout       time.Duration     `yaml:"timeout"`        // of one call; 5s if 0
}

// Proxy is a keeper.Backend.
type Proxy struct {
	cfg  Config
	http *http.Client
}

// New checks the configuration; it doesn't call the proxy.
func New(cfg Config) (*Proxy, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
		return nil, errors.New("litellm: url: want http(s)://host:port without a password in it")
	}
	if cfg.Key == "" {
		return nil, errors.New("litellm: key is empty: give a proxy-admin key, as ${env:NAME}")
	}
	allowed, err := gateway.ParseNetworks(cfg.AllowNetworks)
	if err != nil {
		return nil, fmt.Errorf("litellm: %w", err)
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 5 * time.Second
	}
	cfg.URL = strings.TrimSuffix(cfg.URL, "/")
	return &Proxy{cfg, gateway.NewHTTPClient(allowed, cfg.Timeout)}, nil
}

// Close drops idle connections.
func (p *Proxy) Close() { p.http.CloseIdleConnections() }

// Supports takes limits of requests and tokens, of a whole tenant (its team) or a key of it.
func (p *Proxy) Supports(cmd gateway.Command) error {
	switch {
	case cmd.User != "" || cmd.Model != "" || (cmd.Team != "" && cmd.Key != ""):
		return errors.New("LiteLLM has limits for teams and keys; give a team, a key or neither")
	case cmd.Level == gateway.Block:
		return errors.New("LiteLLM's blocks don't reach every cache: use slow or cap with requests and tokens")
	case cmd.Limits.Requests == 0 && cmd.Limits.Tokens == 0:
		return errors.New("LiteLLM's limits are requests and tokens a minute; usd can't be limited for a time")
	}
	return nil
}

// limits are what is set and restored; null: not limited.
type limits struct {
	RPM *int64 `json:"rpm_limit"`
	TPM *int64 `json:"tpm_limit"`
}

// of are the limits of a command, per minute, rounded up to one; never looser than what was there.
func of(cmd gateway.Command, prior limits) limits {
	perMinute := func(n int64, was *int64) *int64 {
		if n == 0 {
			return was
		}
		v := max(1, int64(float64(n)*float64(time.Minute)/float64(cmd.Limits.Per)))
		if was != nil && *was < v {
			return was
		}
		return &v
	}
	return limits{perMinute(cmd.Limits.Requests, prior.RPM), perMinute(cmd.Limits.Tokens, prior.TPM)}
}

// Read is the key's or team's limits now.
func (p *Proxy) Read(ctx context.Context, s gateway.Subject) (json.RawMessage, error) {
	l, err := p.read(ctx, s)
	if err != nil {
		return nil, err
	}
	return json.Marshal(l)
}

func (p *Proxy) read(ctx context.Context, s gateway.Subject) (l limits, err error) {
	if s.Key != "" {
		var answer struct{ Info *limits }
		if err := p.call(ctx, http.MethodGet, "/key/info?key="+url.QueryEscape(s.Key), nil, &answer); err != nil {
			return l, err
		}
		if answer.Info == nil {
			return l, fmt.Errorf("litellm: no key %s", s.Key)
		}
		return *answer.Info, nil
	}
	team := p.team(s)
	var answer struct {
		Teams []struct {
			ID string `json:"team_id"`
			limits
		}
	}
	if err := p.call(ctx, http.MethodGet, "/v2/team/list?team_id="+url.QueryEscape(team), nil, &answer); err != nil {
		return l, err
	}
	for _, t := range answer.Teams {
		if t.ID == team {
			return t.limits, nil
		}
	}
	return l, fmt.Errorf("litellm: no team %s", team)
}

func (p *Proxy) team(s gateway.Subject) string {
	if s.Team != "" {
		return s.Team
	}
	if id := p.cfg.Teams[s.Tenant]; id != "" {
		return id
	}
	return s.Tenant
}

// Set sets the limits.
func (p *Proxy) Set(ctx context.Context, cmd gateway.Command, prior json.RawMessage) error {
	var was limits
	if err := json.Unmarshal(prior, &was); err != nil {
		return fmt.Errorf("prior limits: %w", err)
	}
	return p.write(ctx, cmd.Subject, of(cmd, was))
}

// Restore sets what was there, null included.
func (p *Proxy) Restore(ctx context.Context, s gateway.Subject, prior json.RawMessage) error {
	var was limits
	if err := json.Unmarshal(prior, &was); err != nil {
		return fmt.Errorf("prior limits: %w", err)
	}
	return p.write(ctx, s, was)
}

// write sets both limits and reads them back.
func (p *Proxy) write(ctx context.Context, s gateway.Subject, l limits) error {
	path, body := "/team/update", map[string]any{"team_id": p.team(s), "rpm_limit": l.RPM, "tpm_limit": l.TPM}
	if s.Key != "" {
		path, body = "/key/update", map[string]any{"key": s.Key, "rpm_limit": l.RPM, "tpm_limit": l.TPM}
	}
	if err := p.call(ctx, http.MethodPost, path, body, nil); err != nil {
		return err
	}
	now, err := p.read(ctx, s)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if !equal(now, l) {
		return fmt.Errorf("litellm answered %s with 200 and has other limits: is its database there?", path)
	}
	return nil
}

func equal(a, b limits) bool {
	same := func(x, y *int64) bool { return (x == nil) == (y == nil) && (x == nil || *x == *y) }
	return same(a.RPM, b.RPM) && same(a.TPM, b.TPM)
}

// Enforces compares what was read with what the command wants.
func (p *Proxy) Enforces(cmd gateway.Command, now, prior json.RawMessage) bool {
	var is, was limits
	if json.Unmarshal(now, &is) != nil || json.Unmarshal(prior, &was) != nil {
		return false
	}
	return equal(is, of(cmd, was))
}

// mostAnswer bounds what is read of an answer.
const mostAnswer = 1 << 20

func (p *Proxy) call(ctx context.Context, method, path string, body, into any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, p.cfg.URL+path, bytes.NewReader(text))
	if err != nil {
		return gateway.WithoutURL(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.cfg.Key)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("litellm-changed-by", "tollkeeper")
	resp, err := p.http.Do(req)
	if err != nil {
		return gateway.WithoutURL(err) // it may hold a key
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer))
	if err != nil {
		return fmt.Errorf("litellm: read answer: %w", err)
	}
	endpoint, _, _ := strings.Cut(path, "?")
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("litellm: %s: status %d: %s", endpoint, resp.StatusCode, bytes.TrimSpace(answer[:min(len(answer), 300)]))
	}
	if into != nil {
		if err := json.Unmarshal(answer, into); err != nil {
			return fmt.Errorf("litellm: %s: %w", endpoint, err)
		}
	}
	return nil
}
