package bifrost_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/gateway/bifrost"
	"github.com/tollkeeper/tollkeeper/gateway/keeper"
)

// governance answers as Bifrost's governance API is documented to, with its traps.
type governance struct {
	mu      sync.Mutex
	things  map[string]map[string]any // path → virtual key or team
	old     bool                      // an update that names no owner clears it
	forgets bool                      // an update is answered 200 and not stored
	down    bool
	writes  int
}

func (g *governance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if user, password, _ := r.BasicAuth(); user != "admin" || password != "secret" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if g.down {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	thing := g.things[r.URL.Path]
	if thing == nil {
		http.Error(w, `{"error":{"message":"not found"}}`, http.StatusNotFound)
		return
	}
	name := "team"
	if strings.Contains(r.URL.Path, "/virtual-keys/") {
		name = "virtual_key"
	}
	switch r.Method {
	case http.MethodGet:
	case http.MethodPut:
		g.writes++
		var body map[string]any
		if json.NewDecoder(r.Body).Decode(&body) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if !g.forgets {
			g.update(thing, body, name == "virtual_key")
		}
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{name: thing})
}

func (g *governance) update(thing, body map[string]any, key bool) {
	if limit, ok := body["rate_limit"].(map[string]any); ok {
		if limit["token_max_limit"] == nil && limit["request_max_limit"] == nil {
			delete(thing, "rate_limit")
		} else {
			thing["rate_limit"] = limit
		}
	}
	if !key {
		return
	}
	if active, ok := body["is_active"].(bool); ok {
		thing["is_active"] = active
	}
	for _, owner := range []string{"team_id", "customer_id"} {
		if v, named := body[owner]; named || g.old {
			thing[owner] = v
		}
	}
	if budgets, ok := body["budgets"]; ok {
		thing["budgets"] = budgets
	}
}

type world struct {
	t    *testing.T
	api  *governance
	file string
	cfg  bifrost.Config
	mu   sync.Mutex
	at   time.Time
}

const (
	keyPath  = "/api/governance/virtual-keys/vk-1"
	teamPath = "/api/governance/teams/team-acme"
)

func newWorld(t *testing.T) *world {
	w := &world{t: t, file: filepath.Join(t.TempDir(), "leases.json"), at: time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC), api: &governance{old: true, things: map[string]map[string]any{
		keyPath: {"id": "vk-1", "is_active": true, "team_id": "team-acme", "budgets": []any{"b1"},
			"rate_limit": map[string]any{"request_max_limit": 600.0, "request_reset_duration": "1m", "token_max_limit": nil, "token_reset_duration": nil}},
		teamPath: {"id": "team-acme", "name": "Acme"},
	}}}
	s := httptest.NewServer(w.api)
	t.Cleanup(s.Close)
	w.cfg = bifrost.Config{URL: s.URL, User: "admin", Password: "secret", Teams: map[string]string{"acme": "team-acme"}, AllowNetworks: []string{"127.0.0.0/8"}}
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

// keeper is a new process with the same file.
func (w *world) keeper() *keeper.Keeper {
	w.t.Helper()
	g, err := bifrost.New(w.cfg)
	require.NoError(w.t, err)
	w.t.Cleanup(g.Close)
	k, err := keeper.New(g, keeper.Options{File: w.file, Now: w.now})
	require.NoError(w.t, err)
	return k
}

func (w *world) command(s gateway.Subject, sequence uint64, level gateway.Level, l gateway.Limits) gateway.Command {
	return gateway.Command{Subject: s, Level: level, Limits: l, Rule: "budget", Episode: "e1", Sequence: sequence, Issued: w.now(), Expires: w.now().Add(time.Minute)}
}

var (
	ctx  = context.Background()
	acme = gateway.Tenant("acme")
	key  = gateway.Subject{Tenant: "acme", Key: "vk-1"}
	ten  = gateway.Limits{Per: time.Minute, Requests: 10}
)

func limit(thing map[string]any, field string) any {
	l, _ := thing["rate_limit"].(map[string]any)
	return l[field]
}

func TestLimitsOfAKeyAreSetReadBackAndRestored(t *testing.T) {
	w := newWorld(t)
	k := w.keeper()
	ack, err := k.Receive(ctx, w.command(key, 1, gateway.Cap, gateway.Limits{Per: 30 * time.Second, Requests: 10, Tokens: 500}))
	require.NoError(t, err)
	require.True(t, ack.Applied)
	require.True(t, ack.State.InForce)
	vk := w.api.things[keyPath]
	require.EqualValues(t, 10, limit(vk, "request_max_limit"))
	require.Equal(t, "30s", limit(vk, "request_reset_duration"))
	require.EqualValues(t, 500, limit(vk, "token_max_limit"))
	require.Equal(t, "team-acme", vk["team_id"], "an old version would have cleared it")
	require.Equal(t, []any{"b1"}, vk["budgets"], "budgets aren't touched")

	writes := w.api.writes
	ack, err = k.Receive(ctx, w.command(key, 1, gateway.Cap, ten))
	require.NoError(t, err)
	require.False(t, ack.Applied, "a stale one changes nothing")
	require.Equal(t, writes, w.api.writes)

	_, err = k.Receive(ctx, w.command(key, 2, gateway.Release, gateway.Limits{}))
	require.NoError(t, err)
	require.EqualValues(t, 600, limit(vk, "request_max_limit"))
	require.Equal(t, "1m", limit(vk, "request_reset_duration"))
	require.Nil(t, limit(vk, "token_max_limit"))
	require.Equal(t, "team-acme", vk["team_id"])
}

func TestNeverLooserThanBefore(t *testing.T) {
	w := newWorld(t)
	_, err := w.keeper().Receive(ctx, w.command(key, 1, gateway.Slow, gateway.Limits{Per: time.Second, Requests: 1000}))
	require.NoError(t, err)
	require.EqualValues(t, 600, limit(w.api.things[keyPath], "request_max_limit"))
	require.Equal(t, "1m", limit(w.api.things[keyPath], "request_reset_duration"))
}

func TestAKeyIsBlockedAndSwitchedOnAgainAfterAKill(t *testing.T) {
	w := newWorld(t)
	_, err := w.keeper().Receive(ctx, w.command(key, 1, gateway.Block, gateway.Limits{}))
	require.NoError(t, err)
	require.Equal(t, false, w.api.things[keyPath]["is_active"])
	k := w.keeper() // the one before was killed
	s, err := k.Holds(ctx, key)
	require.NoError(t, err)
	require.True(t, s.InForce)
	w.pass(time.Minute)
	k.Expire(ctx)
	require.Equal(t, true, w.api.things[keyPath]["is_active"])
	require.EqualValues(t, 600, limit(w.api.things[keyPath], "request_max_limit"))
}

func TestTenantIsItsTeam(t *testing.T) {
	w := newWorld(t)
	k := w.keeper()
	_, err := k.Receive(ctx, w.command(acme, 1, gateway.Slow, ten))
	require.NoError(t, err)
	require.EqualValues(t, 10, limit(w.api.things[teamPath], "request_max_limit"))
	_, err = k.Receive(ctx, w.command(acme, 2, gateway.Release, gateway.Limits{}))
	require.NoError(t, err)
	require.NotContains(t, w.api.things[teamPath], "rate_limit", "there was none")
}

func TestTraps(t *testing.T) {
	w := newWorld(t)
	k := w.keeper()
	w.api.forgets = true
	_, err := k.Receive(ctx, w.command(key, 1, gateway.Cap, ten))
	require.ErrorContains(t, err, "with 200 and has other limits")
	w.api.forgets = false
	ack, err := k.Receive(ctx, w.command(key, 1, gateway.Cap, ten))
	require.NoError(t, err)
	require.True(t, ack.Applied, "the same sequence is taken when it is tried again")

	w.api.things[keyPath]["rate_limit"].(map[string]any)["request_max_limit"] = 6000.0 // somebody else sets it
	s, err := k.Holds(ctx, key)
	require.NoError(t, err)
	require.False(t, s.InForce, "read from the gateway, not from memory")

	w.api.down = true
	w.pass(time.Minute)
	require.Equal(t, 2*time.Second, k.Expire(ctx), "a restore that failed is tried again")
	w.api.down = false
	k.Expire(ctx)
	require.EqualValues(t, 600, limit(w.api.things[keyPath], "request_max_limit"))

	for _, cmd := range []gateway.Command{
		w.command(acme, 9, gateway.Block, gateway.Limits{}),
		w.command(acme, 9, gateway.Cap, gateway.Limits{Per: time.Minute, USD: 1}),
		w.command(acme, 9, gateway.Cap, gateway.Limits{Per: 1500 * time.Millisecond, Requests: 1}),
		w.command(gateway.Subject{Tenant: "acme", Model: "gpt-5"}, 9, gateway.Cap, ten),
	} {
		_, err = k.Receive(ctx, cmd)
		require.ErrorIs(t, err, gateway.ErrUnsupported)
	}
	_, err = k.Receive(ctx, w.command(gateway.Subject{Tenant: "acme", Key: "vk-9"}, 9, gateway.Cap, ten))
	require.ErrorContains(t, err, "status 404")
	require.NotContains(t, err.Error(), "secret")
}

func TestConfig(t *testing.T) {
	for _, bad := range []bifrost.Config{{}, {URL: "ftp://x"}, {URL: "http://u:p@x"}, {URL: "http://x", User: "admin"}, {URL: "http://x", AllowNetworks: []string{"x"}}} {
		_, err := bifrost.New(bad)
		require.Error(t, err)
	}
}
