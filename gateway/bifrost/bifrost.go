// Package bifrost sets limits at a Bifrost gateway through its governance API: requests and tokens in a time, of a virtual key
// or of a team; and it switches a virtual key off where a command blocks it.
//
// The traps of that API: an update of a rate limit sets all of its fields, and one without any limit removes it; versions before
// the newest take an update of a virtual key that doesn't name its team and customer as one that has neither, so both are read and
// sent back. Budgets aren't touched: an update would replace all of them, spend included. Every write is read back.
package bifrost

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tollkeeper/tollkeeper/gateway"
)

// Config names a gateway.
type Config struct {
	URL           string            `yaml:"url"`            // base, for example http://bifrost:8080
	User          string            `yaml:"user"`           // of the admin, where governance.auth_config is on
	Password      string            `yaml:"password"`       // of the admin
	Teams         map[string]string `yaml:"teams"`          // tenant → team id; a tenant that isn't named is its own team id
	AllowNetworks []string          `yaml:"allow_networks"` // CIDR prefixes that aren't public but may be called
	Timeout       time.Duration     `yaml:"timeout"`        // of one call; 5s if 0
}

// Gateway is a keeper.Backend.
type Gateway struct {
	cfg  Config
	http *http.Client
}

// New checks the configuration; it doesn't call the gateway.
func New(cfg Config) (*Gateway, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
		return nil, errors.New("bifrost: url: want http(s)://host:port without a password in it")
	}
	if (cfg.User == "") != (cfg.Password == "") {
		return nil, errors.New("bifrost: user, password: give both or neither")
	}
	allowed, err := gateway.ParseNetworks(cfg.AllowNetworks)
	if err != nil {
		return nil, fmt.Errorf("bifrost: %w", err)
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 5 * time.Second
	}
	cfg.URL = strings.TrimSuffix(cfg.URL, "/")
	return &Gateway{cfg, gateway.NewHTTPClient(allowed, cfg.Timeout)}, nil
}

// Close drops idle connections.
func (g *Gateway) Close() { g.http.CloseIdleConnections() }

// Supports takes limits of requests and tokens of a whole tenant (its team) or a virtual key of it, and blocks of such a key.
func (g *Gateway) Supports(cmd gateway.Command) error {
	switch {
	case cmd.User != "" || cmd.Model != "" || (cmd.Team != "" && cmd.Key != ""):
		return errors.New("limits at Bifrost are for teams and virtual keys; give a team, a key or neither")
	case cmd.Level == gateway.Block && cmd.Key == "":
		return errors.New("a virtual key can be switched off at Bifrost and a team can't: use slow or cap with requests and tokens")
	case cmd.Level != gateway.Block && cmd.Limits.Requests == 0 && cmd.Limits.Tokens == 0:
		return errors.New("limits at Bifrost are requests and tokens in a time; usd can't be limited without replacing its budgets")
	case cmd.Level != gateway.Block && cmd.Limits.Per%time.Second != 0:
		return fmt.Errorf("limits at Bifrost are per whole seconds: %s isn't", cmd.Limits.Per)
	}
	return nil
}

// rateLimit is what is set and restored; null: not limited.
type rateLimit struct {
	Tokens      *int64  `json:"token_max_limit"`
	TokensPer   *string `json:"token_reset_duration"`
	Requests    *int64  `json:"request_max_limit"`
	RequestsPer *string `json:"request_reset_duration"`
}

// holds is what a virtual key or a team has.
type holds struct {
	ID       string     `json:"id"`
	Limit    *rateLimit `json:"rate_limit"`
	Active   *bool      `json:"is_active,omitempty"` // of a virtual key; null: it is
	Team     *string    `json:"team_id,omitempty"`
	Customer *string    `json:"customer_id,omitempty"`
}

func (h holds) active() bool { return h.Active == nil || *h.Active }

// of is what a command wants: never looser than what was there, in units of a time that may differ.
func of(cmd gateway.Command, prior holds) holds {
	want := prior
	if cmd.Level == gateway.Block {
		off := false
		want.Active = &off
		return want
	}
	l := rateLimit{}
	if prior.Limit != nil {
		l = *prior.Limit
	}
	l.Requests, l.RequestsPer = tighter(cmd.Limits.Requests, cmd.Limits.Per, l.Requests, l.RequestsPer)
	l.Tokens, l.TokensPer = tighter(cmd.Limits.Tokens, cmd.Limits.Per, l.Tokens, l.TokensPer)
	want.Limit = &l
	return want
}

// tighter compares two limits by their pace. A time that isn't understood is one of another's making: ours is set.
func tighter(n int64, per time.Duration, was *int64, wasPer *string) (*int64, *string) {
	if n == 0 {
		return was, wasPer
	}
	if was != nil && wasPer != nil {
		if d, ok := duration(*wasPer); ok {
			ours := new(big.Int).Mul(big.NewInt(n), big.NewInt(int64(d)))
			theirs := new(big.Int).Mul(big.NewInt(*was), big.NewInt(int64(per)))
			if theirs.Cmp(ours) <= 0 {
				return was, wasPer
			}
		}
	}
	text := strconv.FormatInt(int64(per/time.Second), 10) + "s"
	return &n, &text
}

// duration reads Bifrost's times: 30s, 5m, 1h, 1d, 1w, 1M, 1Y. A month is 30 days here, a year 365: only for comparing paces.
func duration(text string) (time.Duration, bool) {
	if text == "" {
		return 0, false
	}
	const day = 24 * time.Hour
	unit, known := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': day, 'w': 7 * day, 'M': 30 * day, 'Y': 365 * day}[text[len(text)-1]]
	n, err := strconv.ParseInt(text[:len(text)-1], 10, 32)
	if err != nil || !known || n <= 0 || n > 100_000 {
		return 0, false
	}
	return time.Duration(n) * unit, n <= int64(100*365*day/unit)
}

// Read is what the virtual key or the team has now.
func (g *Gateway) Read(ctx context.Context, s gateway.Subject) (json.RawMessage, error) {
	h, err := g.read(ctx, s)
	if err != nil {
		return nil, err
	}
	return json.Marshal(h)
}

func (g *Gateway) read(ctx context.Context, s gateway.Subject) (h holds, err error) {
	var answer struct {
		Key  *holds `json:"virtual_key"`
		Team *holds `json:"team"`
	}
	path := g.path(s)
	if err := g.call(ctx, http.MethodGet, path, nil, &answer); err != nil {
		return h, err
	}
	found := answer.Team
	if s.Key != "" {
		found = answer.Key
	}
	if found == nil {
		return h, fmt.Errorf("bifrost: %s: the answer names no virtual key or team: is this its governance API?", path)
	}
	return *found, nil
}

// path is where the subject's virtual key or team is.
func (g *Gateway) path(s gateway.Subject) string {
	if s.Key != "" {
		return "/api/governance/virtual-keys/" + url.PathEscape(s.Key)
	}
	team := s.Team
	if team == "" {
		team = g.cfg.Teams[s.Tenant]
	}
	if team == "" {
		team = s.Tenant
	}
	return "/api/governance/teams/" + url.PathEscape(team)
}

// Set puts in force what the command wants.
func (g *Gateway) Set(ctx context.Context, cmd gateway.Command, prior json.RawMessage) error {
	var was holds
	if err := json.Unmarshal(prior, &was); err != nil {
		return fmt.Errorf("prior limits: %w", err)
	}
	return g.write(ctx, cmd.Subject, of(cmd, was))
}

// Restore sets what was there; a limit that wasn't there is removed.
func (g *Gateway) Restore(ctx context.Context, s gateway.Subject, prior json.RawMessage) error {
	var was holds
	if err := json.Unmarshal(prior, &was); err != nil {
		return fmt.Errorf("prior limits: %w", err)
	}
	return g.write(ctx, s, was)
}

// write sets limits and state, sends back the owners as they are now, and reads all of it back.
func (g *Gateway) write(ctx context.Context, s gateway.Subject, want holds) error {
	limit := want.Limit
	if limit == nil {
		limit = &rateLimit{} // no limit in it removes it
	}
	body := map[string]any{"rate_limit": limit}
	if s.Key != "" {
		now, err := g.read(ctx, s)
		if err != nil {
			return err
		}
		body["is_active"] = want.active()
		if now.Team != nil {
			body["team_id"] = now.Team
		}
		if now.Customer != nil {
			body["customer_id"] = now.Customer
		}
	}
	if err := g.call(ctx, http.MethodPut, g.path(s), body, nil); err != nil {
		return err
	}
	now, err := g.read(ctx, s)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if !equal(now, want) {
		return fmt.Errorf("bifrost answered the update of %s with 200 and has other limits", g.path(s))
	}
	return nil
}

func equal(a, b holds) bool {
	x, y := rateLimit{}, rateLimit{}
	if a.Limit != nil {
		x = *a.Limit
	}
	if b.Limit != nil {
		y = *b.Limit
	}
	return a.active() == b.active() && same(x.Tokens, y.Tokens) && same(x.Requests, y.Requests) &&
		(x.Tokens == nil || same(x.TokensPer, y.TokensPer)) && (x.Requests == nil || same(x.RequestsPer, y.RequestsPer))
}

func same[T comparable](a, b *T) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }

// Enforces compares what was read with what the command wants.
func (g *Gateway) Enforces(cmd gateway.Command, now, prior json.RawMessage) bool {
	var is, was holds
	if json.Unmarshal(now, &is) != nil || json.Unmarshal(prior, &was) != nil {
		return false
	}
	return equal(is, of(cmd, was))
}

// mostAnswer bounds what is read of an answer.
const mostAnswer = 1 << 20

func (g *Gateway) call(ctx context.Context, method, path string, body, into any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, g.cfg.URL+path, bytes.NewReader(text))
	if err != nil {
		return gateway.WithoutURL(err)
	}
	if g.cfg.User != "" {
		req.SetBasicAuth(g.cfg.User, g.cfg.Password)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := g.http.Do(req)
	if err != nil {
		return gateway.WithoutURL(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer))
	if err != nil {
		return fmt.Errorf("bifrost: read answer: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("bifrost: %s %s: status %d: %s", method, path, resp.StatusCode, bytes.TrimSpace(answer[:min(len(answer), 300)]))
	}
	if into != nil {
		if err := json.Unmarshal(answer, into); err != nil {
			return fmt.Errorf("bifrost: %s: %w", path, err)
		}
	}
	return nil
}
