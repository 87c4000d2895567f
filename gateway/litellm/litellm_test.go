package litellm_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/gateway/keeper"
	"github.com/tollkeeper/tollkeeper/gateway/litellm"
	"github.com/tollkeeper/tollkeeper/internal/testkit/clocktest"
)

// proxy answers as LiteLLM's admin API is documented to, with its traps.
type proxy struct {
	mu      sync.Mutex
	keys    map[string]map[string]any
	teams   map[string]map[string]any
	forgets bool // an update is answered 200 and not stored
	noDB    bool
	writes  int
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer sk-admin" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if p.noDB {
		http.Error(w, `{"error":{"message":"No DB Connected"}}`, http.StatusInternalServerError)
		return
	}
	answer := func(v any) { _ = json.NewEncoder(w).Encode(v) }
	switch r.URL.Path {
	case "/key/info":
		k := p.keys[r.URL.Query().Get("key")]
		if k == nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		answer(map[string]any{"key": "hash", "info": k})
	case "/v2/team/list":
		teams := []any{}
		if t := p.teams[r.URL.Query().Get("team_id")]; t != nil {
			teams = append(teams, t)
		}
		answer(map[string]any{"teams": teams, "total": len(teams)})
	case "/key/update":
		p.update(w, r, p.keys, "key")
	case "/team/update":
		p.update(w, r, p.teams, "team_id")
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// update changes the fields that are named; those left out stay.
func (p *proxy) update(w http.ResponseWriter, r *http.Request, of map[string]map[string]any, id string) {
	var body map[string]any
	if json.NewDecoder(r.Body).Decode(&body) != nil || r.Method != http.MethodPost {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	name, _ := body[id].(string)
	if of[name] == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	p.writes++
	if p.forgets {
		return
	}
	for field, v := range body {
		of[name][field] = v
	}
}

type world struct {
	t     *testing.T
	proxy *proxy
	file  string
	cfg   litellm.Config
	mu    sync.Mutex
	at    time.Time
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, file: filepath.Join(t.TempDir(), "leases.json"), at: clocktest.Reading(time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)), proxy: &proxy{
		keys:  map[string]map[string]any{"hash1": {"rpm_limit": 600, "tpm_limit": nil, "blocked": false, "max_budget": 5}},
		teams: map[string]map[string]any{"team-acme": {"team_id": "team-acme", "rpm_limit": nil, "tpm_limit": 9000}},
	}}
	s := httptest.NewServer(w.proxy)
	t.Cleanup(s.Close)
	w.cfg = litellm.Config{URL: s.URL, Key: "sk-admin", Teams: map[string]string{"acme": "team-acme"}, AllowNetworks: []string{"127.0.0.0/8"}}
	return w
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

// set sets the wall.
func (w *world) set(by time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = clocktest.Set(w.at, by)
}

// keeper is a new process with the same file.
func (w *world) keeper() *keeper.Keeper {
	w.t.Helper()
	p, err := litellm.New(w.cfg)
	require.NoError(w.t, err)
	w.t.Cleanup(p.Close)
	k, err := keeper.New(p, keeper.Options{File: w.file, Now: w.now})
	require.NoError(w.t, err)
	return k
}

func (w *world) command(s gateway.Subject, sequence uint64, level gateway.Level, l gateway.Limits) gateway.Command {
	now := w.now().Round(0) // as it comes over the wire
	return gateway.Command{Subject: s, Level: level, Limits: l, Rule: "budget", Episode: "e1", Sequence: sequence, Issued: now, Expires: now.Add(time.Minute)}
}

var (
	ctx  = context.Background()
	acme = gateway.Tenant("acme")
	key  = gateway.Subject{Tenant: "acme", Key: "hash1"}
	ten  = gateway.Limits{Per: time.Minute, Requests: 10}
)

func TestLimitsAreSetReadBackAndRestored(t *testing.T) {
	w := newWorld(t)
	k := w.keeper()
	ack, err := k.Receive(ctx, w.command(key, 1, gateway.Cap, gateway.Limits{Per: 30 * time.Second, Requests: 10, Tokens: 500}))
	require.NoError(t, err)
	require.True(t, ack.Applied)
	require.True(t, ack.State.InForce)
	require.EqualValues(t, 20, w.proxy.keys["hash1"]["rpm_limit"], "a minute of it")
	require.EqualValues(t, 1000, w.proxy.keys["hash1"]["tpm_limit"])
	require.EqualValues(t, 5, w.proxy.keys["hash1"]["max_budget"], "what isn't ours stays")

	writes := w.proxy.writes
	ack, err = k.Receive(ctx, w.command(key, 1, gateway.Cap, ten))
	require.NoError(t, err)
	require.False(t, ack.Applied, "a stale one changes nothing")
	require.Equal(t, writes, w.proxy.writes)

	w.pass(30 * time.Second)
	_, err = k.Receive(ctx, w.command(key, 2, gateway.Cap, ten)) // a renewal
	require.NoError(t, err)
	ack, err = k.Receive(ctx, w.command(key, 3, gateway.Release, gateway.Limits{}))
	require.NoError(t, err)
	require.False(t, ack.State.InForce)
	require.EqualValues(t, 600, w.proxy.keys["hash1"]["rpm_limit"], "what was there before the first command")
	require.Nil(t, w.proxy.keys["hash1"]["tpm_limit"])
}

func TestNeverLooserThanBefore(t *testing.T) {
	w := newWorld(t)
	_, err := w.keeper().Receive(ctx, w.command(key, 1, gateway.Slow, gateway.Limits{Per: time.Second, Requests: 1000}))
	require.NoError(t, err)
	require.EqualValues(t, 600, w.proxy.keys["hash1"]["rpm_limit"])
}

func TestTenantIsItsTeamAndItsLeaseEndsAfterAKill(t *testing.T) {
	w := newWorld(t)
	_, err := w.keeper().Receive(ctx, w.command(acme, 1, gateway.Slow, ten))
	require.NoError(t, err)
	require.EqualValues(t, 10, w.proxy.teams["team-acme"]["rpm_limit"])
	// It is killed here; the next one finds the lease.
	k := w.keeper()
	s, err := k.Holds(ctx, acme)
	require.NoError(t, err)
	require.True(t, s.InForce)
	require.Equal(t, time.Minute, k.Expire(ctx))
	w.pass(time.Minute)
	k.Expire(ctx)
	require.Nil(t, w.proxy.teams["team-acme"]["rpm_limit"])
	require.EqualValues(t, 9000, w.proxy.teams["team-acme"]["tpm_limit"])
	_, err = k.Receive(ctx, gateway.Command{Subject: acme, Level: gateway.Slow, Limits: ten, Sequence: 1, Issued: w.now(), Expires: w.now().Add(time.Minute)})
	require.NoError(t, err)
	require.Nil(t, w.proxy.teams["team-acme"]["rpm_limit"], "the sequence is known")
}

// A lease lasts as long as it was ordered to, though the clock is set meanwhile; a process that is started after that trusts it for no longer
// than a whole lease.
func TestALeaseEndsThoughTheClockIsSet(t *testing.T) {
	for _, by := range []time.Duration{-24 * time.Hour, time.Hour} {
		w := newWorld(t)
		k := w.keeper()
		_, err := k.Receive(ctx, w.command(key, 1, gateway.Cap, ten))
		require.NoError(t, err)
		w.set(by)
		require.Equal(t, time.Minute, k.Expire(ctx))
		s, err := k.Holds(ctx, key)
		require.NoError(t, err)
		require.True(t, s.InForce)
		if by < 0 {
			require.Equal(t, time.Minute, w.keeper().Expire(ctx), "a new process")
		}
		w.pass(time.Minute)
		k.Expire(ctx)
		require.EqualValues(t, 600, w.proxy.keys["hash1"]["rpm_limit"], "set by %s", by)
	}
}

func TestTraps(t *testing.T) {
	w := newWorld(t)
	k := w.keeper()
	w.proxy.forgets = true
	_, err := k.Receive(ctx, w.command(key, 1, gateway.Cap, ten))
	require.ErrorContains(t, err, "answered /key/update with 200 and has other limits")
	w.proxy.forgets = false
	ack, err := k.Receive(ctx, w.command(key, 1, gateway.Cap, ten))
	require.NoError(t, err)
	require.True(t, ack.Applied, "the same sequence is taken when it is tried again")

	w.proxy.keys["hash1"]["rpm_limit"] = 6000 // somebody else sets it
	s, err := k.Holds(ctx, key)
	require.NoError(t, err)
	require.False(t, s.InForce, "read from the proxy, not from memory")

	w.proxy.noDB = true
	w.pass(time.Minute)
	require.Equal(t, 2*time.Second, k.Expire(ctx), "a restore that failed is tried again")
	w.proxy.noDB = false
	k.Expire(ctx)
	require.EqualValues(t, 600, w.proxy.keys["hash1"]["rpm_limit"])

	for _, cmd := range []gateway.Command{
		w.command(acme, 9, gateway.Block, gateway.Limits{}),
		w.command(acme, 9, gateway.Cap, gateway.Limits{Per: time.Minute, USD: 1}),
		w.command(gateway.Subject{Tenant: "acme", Model: "gpt-5"}, 9, gateway.Cap, ten),
	} {
		_, err = k.Receive(ctx, cmd)
		require.ErrorIs(t, err, gateway.ErrUnsupported)
	}
}

func TestThroughTheSignedWebhook(t *testing.T) {
	w := newWorld(t)
	secret := gateway.NewSecret()
	h, err := gateway.NewWebhook(w.keeper(), []string{secret}, w.now)
	require.NoError(t, err)
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	cfg := gateway.DefaultClientConfig()
	cfg.Name, cfg.URL, cfg.Secrets, cfg.AllowNetworks, cfg.Backoff = "litellm", s.URL, []string{secret}, []string{"127.0.0.0/8"}, time.Millisecond
	c, err := gateway.NewClient(cfg, w.now)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	ack, err := c.Send(ctx, w.command(acme, 1, gateway.Slow, ten))
	require.NoError(t, err)
	require.True(t, ack.Proved)
	state, err := c.State(ctx, acme)
	require.NoError(t, err)
	require.True(t, state.InForce)
	_, err = c.Send(ctx, w.command(acme, 2, gateway.Block, gateway.Limits{}))
	require.ErrorIs(t, err, gateway.ErrRefused)
	w.proxy.noDB = true
	_, err = c.Send(ctx, w.command(acme, 3, gateway.Slow, ten))
	require.ErrorIs(t, err, gateway.ErrUnreachable)
	require.NotContains(t, err.Error(), "sk-admin")
}
