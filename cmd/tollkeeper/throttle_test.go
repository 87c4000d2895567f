package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/alerts"
	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/schema"
)

// gatewayOf is a receiver of throttles, and a configuration that names it and a database of its own.
func gatewayOf(t *testing.T) (*gateway.Limiter, string) {
	t.Helper()
	db := clickhousetest.Start(t).Database(t)
	_, err := schema.Apply(t.Context(), db, schema.DefaultOptions())
	require.NoError(t, err)
	secret := gateway.NewSecret()
	limiter := gateway.NewLimiter(gateway.LimiterOptions{})
	hook, err := limiter.WebhookHandler([]string{secret})
	require.NoError(t, err)
	receiver := httptest.NewServer(hook)
	t.Cleanup(receiver.Close)
	config := filepath.Join(t.TempDir(), "toll.yaml")
	require.NoError(t, os.WriteFile(config, []byte(fmt.Sprintf(
		"clickhouse: {url: %q}\nalerts: {throttle: {gateway: {name: front, url: %q, secrets: [%q], allow_networks: [127.0.0.0/8]}}}\n", db, receiver.URL, secret)), 0o600))
	return limiter, config
}

// People throttle, see, freeze and release through the command line, at a real receiver.
func TestThrottle(t *testing.T) {
	limiter, config := gatewayOf(t)
	run := func(exit int, said string, args ...string) string {
		t.Helper()
		p := start(t, map[string]string{"TOLLKEEPER_CONFIG": config}, append([]string{"throttle"}, args...)...)
		require.Equal(t, exit, p.exit(), "%v:\n%s", args, p.text())
		require.Contains(t, p.text(), said, "%v", args)
		return p.text()
	}
	run(0, "no throttles in the last 24h0m0s", "list")
	run(exitUsage, "and why (--reason)", "apply", "acme", "--level", "block", "--author", "ann")
	run(exitUsage, "level", "apply", "acme", "--level", "gently", "--author", "ann", "--reason", "test")
	run(exitUsage, "lease 0s: want more than 0", "apply", "acme", "--level", "block", "--lease", "0s", "--author", "ann", "--reason", "test")
	run(exitUsage, "and why (--reason)", "freeze", "--author", "ann")
	for _, act := range [][]string{{"apply", "acme", "--level", "block"}, {"release", "acme"}, {"freeze"}} {
		p := start(t, map[string]string{"TOLLKEEPER_CONFIG": ""}, append(append([]string{"throttle"}, act...), "--author", "ann", "--reason", "test")...)
		require.Equal(t, exitUsage, p.exit(), "without a gateway %v:\n%s", act, p.text())
		require.Contains(t, p.text(), "alerts.throttle.gateway.url is empty")
	}
	run(exitUsage, "--usd", "apply", "acme", "--level", "cap", "--usd", "much", "--reason", "test")
	run(0, "acme is throttled (block) for 15m0s: the gateway holds sequence 1, level block, in force: true", "apply", "acme", "--level", "block", "--author", "ann", "--reason", "leaked key")
	require.True(t, limiter.State(gateway.Tenant("acme")).InForce)
	run(0, "level cap", "apply", "acme", "--team", "red", "--level", "cap", "--usd", "0.50", "--lease", "1h", "--author", "ann", "--reason", "runaway job")
	listed := run(0, "leaked key", "list")
	require.Regexp(t, `acme \(team=red\) +cap +acknowledged`, listed, "a part of a tenant is named")
	require.Regexp(t, `(?m)^acme +block +acknowledged`, listed)
	parts := strings.Split(strings.TrimSpace(run(0, "", "list", "--json", "--tenant", "acme")), "\n")
	require.Len(t, parts, 2)
	var life alerts.Life
	require.NoError(t, json.Unmarshal([]byte(parts[0]), &life))
	require.Equal(t, "ann", life.Author)
	require.WithinDuration(t, time.Now(), life.Ordered, twoMinutes)
	run(0, "no throttles", "list", "--tenant", "globex")

	run(0, "gateway front: automatic throttles are frozen", "freeze", "--author", "ann", "--reason", "prices are wrong")
	run(0, "FROZEN at gateway front by ann", "list")
	require.True(t, limiter.State(gateway.Tenant("acme")).InForce, "what a person applied stays")
	run(0, "automatic throttles may go on", "unfreeze", "--author", "ann", "--reason", "right again")

	run(0, "acme is released", "release", "acme", "--author", "ann", "--reason", "agreed")
	require.False(t, limiter.State(gateway.Tenant("acme")).InForce)
	require.Contains(t, run(0, "released", "list"), "released by ann: agreed")
	run(exitUsage, "", "release")
}

// They do the same on the viewer's page, and it is written down the same.
func TestThrottleOnThePage(t *testing.T) {
	limiter, config := gatewayOf(t)
	with := map[string]string{"TOLLKEEPER_CONFIG": config}
	text, err := os.ReadFile(config)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(config, append(text, "http: {listen: \"127.0.0.1:0\"}\nviewer: {listen: \"127.0.0.1:0\"}\n"...), 0o600))
	page := start(t, with, "viewer")
	base := "http://" + page.waitFor(`viewer +http://(\S+)`)
	page.ready()
	press := func(status int, said, act string) {
		t.Helper()
		resp, err := http.Post(base+"/api/act", "application/json", strings.NewReader(act))
		require.NoError(t, err)
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, status, resp.StatusCode, "%s", answer)
		require.Contains(t, string(answer), said)
	}
	press(200, "the gateway holds sequence 1, level block", `{"do": "apply", "tenant": "acme", "level": "block", "minutes": 15, "author": "ann", "reason": "leaked key"}`)
	require.True(t, limiter.State(gateway.Tenant("acme")).InForce)
	press(200, "level cap", `{"do": "apply", "tenant": "acme", "team": "red", "level": "cap", "usd": "0.50", "minutes": 5, "author": "ann", "reason": "runaway job"}`)
	press(400, "USD a minute", `{"do": "apply", "tenant": "acme", "level": "cap", "usd": "much", "minutes": 5, "author": "ann", "reason": "x"}`)
	press(400, "minutes -5", `{"do": "apply", "tenant": "acme", "level": "block", "minutes": -5, "author": "ann", "reason": "x"}`)
	press(200, "frozen", `{"do": "freeze", "author": "ann", "reason": "prices are wrong"}`)
	press(200, "may go on", `{"do": "unfreeze", "author": "ann", "reason": "right again"}`)
	press(200, "the gateway holds", `{"do": "release", "tenant": "acme", "author": "ann", "reason": "agreed"}`)
	require.False(t, limiter.State(gateway.Tenant("acme")).InForce)

	list := start(t, with, "throttle", "list")
	require.Zero(t, list.exit(), list.text())
	require.Contains(t, list.text(), "released by ann: agreed")
	resp, err := http.Get(base + "/api/rules")
	require.NoError(t, err)
	defer resp.Body.Close()
	var known struct {
		Rules []struct{ Name, Kind, Fires string }
	}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&known))
	require.NotEmpty(t, known.Rules)
	require.NotEmpty(t, known.Rules[0].Fires)
	require.Zero(t, page.terminate())
}

// A keeper refuses to start without what it needs, in words; with it, it takes signed commands.
func TestKeeper(t *testing.T) {
	run := func(env map[string]string, said string, args ...string) {
		t.Helper()
		p := start(t, env, append([]string{"keeper"}, args...)...)
		require.Equal(t, exitUsage, p.exit(), p.text())
		require.Contains(t, p.text(), said)
	}
	secret := gateway.NewSecret()
	with := map[string]string{"TOLLKEEPER_WEBHOOK_SECRET": secret}
	run(map[string]string{"TOLLKEEPER_WEBHOOK_SECRET": ""}, "TOLLKEEPER_WEBHOOK_SECRET is not set")
	run(with, "give a proxy-admin key")
	run(with, `--of "kong": want litellm or bifrost`, "--of", "kong")
	run(with, "want http(s)://host:port", "--of", "bifrost", "--url", "nonsense")
	run(map[string]string{"TOLLKEEPER_WEBHOOK_SECRET": "short"}, "secret", "--of", "bifrost")

	p := start(t, with, "keeper", "--of", "bifrost", "--listen", "127.0.0.1:0", "--file", filepath.Join(t.TempDir(), "leases.json"))
	address := p.waitFor(`address=(\S+)`)
	cfg := gateway.DefaultClientConfig()
	cfg.Name, cfg.URL, cfg.Secrets, cfg.AllowNetworks, cfg.Backoff = "bifrost", "http://"+address, []string{secret}, []string{"127.0.0.0/8"}, time.Millisecond
	c, err := gateway.NewClient(cfg, time.Now)
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Send(t.Context(), gateway.Command{Subject: gateway.Tenant("acme"), Level: gateway.Block, Rule: "budget", Episode: "e", Sequence: 1, Issued: time.Now(), Expires: time.Now().Add(time.Minute)})
	require.ErrorIs(t, err, gateway.ErrRefused, "a team can't be blocked there")
	require.Zero(t, p.terminate())
}
