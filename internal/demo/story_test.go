package demo

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/internal/demo/apps"
	"github.com/tollkeeper/tollkeeper/internal/demo/screen"
)

// standIn plays the product for the story: it reads the spans that arrive, and throttles whoever spends too much. The
// story is under test here, not the product; package internal/app plays it with the real one.
type standIn struct {
	t       *testing.T
	otlp    *receiver
	servers *Servers
	gateway *gateway.Client
	lose    string // a tenant of which one call never gets into the ledger

	mu     sync.Mutex
	events []alertEvent
	since  map[string]time.Time // of the throttles in force
	rule   map[string]string
}

func (s *standIn) calls(context.Context) (book, error) {
	s.otlp.mu.Lock()
	defer s.otlp.mu.Unlock()
	b := book{tenants: map[string]account{}, newest: time.Now()}
	bills, _ := s.otlp.bill(s.t)
	for _, sp := range s.otlp.spans {
		if op := sp.attrs["gen_ai.operation.name"]; op == "chat" || op == "embeddings" {
			a := b.tenants[sp.tenant]
			a.calls++
			b.tenants[sp.tenant] = a
		}
	}
	for tenant, bill := range bills {
		a := b.tenants[tenant]
		a.answered, a.amount = bill.Calls, bill.Amount
		if tenant == s.lose {
			a.calls, a.answered = a.calls-1, a.answered-1
		}
		b.tenants[tenant] = a
	}
	return b, nil
}

func (s *standIn) spend(ctx context.Context) (map[string]account, error) {
	b, err := s.calls(ctx)
	return b.tenants, err
}

// alerts also acts: a tenant that was billed more than 10 calls in the last second is throttled, and released later.
func (s *standIn) alerts(ctx context.Context) ([]alertEvent, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for tenant, rule := range s.rule {
		began, on := s.since[tenant]
		recent := 0
		for _, b := range s.servers.Model.Truth().Calls() {
			if b.Tenant == tenant && now.Sub(b.At) < time.Second {
				recent++
			}
		}
		switch {
		case !on && recent > 10:
			s.since[tenant] = now
			s.events = append(s.events, alertEvent{"e-" + tenant, rule, tenant, "firing", "spends too much", now.Add(-time.Second), now})
			s.send(ctx, tenant, gateway.Command{Level: gateway.Block, Sequence: 1})
		case on && now.Sub(began) > 4*time.Second:
			s.send(ctx, tenant, gateway.Command{Level: gateway.Release, Sequence: 2})
		}
	}
	return append([]alertEvent(nil), s.events...), nil
}

func (s *standIn) send(ctx context.Context, tenant string, c gateway.Command) {
	c.Tenant, c.Reason, c.Episode, c.Issued, c.Expires = tenant, "test", "e-"+tenant, time.Now(), time.Now().Add(time.Minute)
	_, err := s.gateway.Send(ctx, c)
	if !errors.Is(err, context.Canceled) {
		require.NoError(s.t, err)
	}
}

func TestTheStoryIsToldAndALostCallIsFound(t *testing.T) {
	secret := gateway.NewSecret()
	log := slog.New(slog.DiscardHandler)
	d := newDirector(log)
	d.plan = plan{warmUp: time.Second, rest: time.Second, under: 2, react: 30 * time.Second, let: 30 * time.Second, settle: time.Second}
	var out bytes.Buffer
	d.screen = screen.New(&out, func(string) string { return "" })
	servers, err := StartServers(ServersOptions{Secrets: []string{secret}, OnCommand: d.onCommand, Log: log})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, servers.Close(context.Background())) })
	d.servers = servers
	otlp := startReceiver(t)
	c := Rules(servers.WebhookURL(), []string{secret}).Throttle.Gateway
	client, err := gateway.NewClient(c, time.Now)
	require.NoError(t, err)
	defer client.Close()
	d.product = &standIn{t: t, otlp: otlp, servers: servers, gateway: client, lose: "globex-search", since: map[string]time.Time{},
		rule: map[string]string{apps.SpikeTenant: spikeRule, apps.BudgetTenant: budgetRule}}
	d.traffic, err = StartTraffic(t.Context(), TrafficOptions{Gateway: servers.GatewayURL, OTLP: otlp.addr, Log: log})
	require.NoError(t, err)

	r, err := d.play(t.Context())
	require.NoError(t, err)

	for _, e := range []Episode{r.Spike, r.Budget} {
		require.True(t, e.Fired && e.Throttled && e.Released, "%+v", e)
		require.Positive(t, e.Refused)
		require.GreaterOrEqual(t, e.ReactionThrottle, 1.0, "from the crossing call's receipt, which lay a second back")
	}
	require.Len(t, r.Problems, 4, "calls and answered calls of one tenant, in ledger and rollups: %v", r.Problems)
	require.ErrorContains(t, r.Err(), "globex-search: the ledger has")
	require.ErrorContains(t, r.Err(), "(1 missing)")
	require.Contains(t, out.String(), "NOT EQUAL")
	require.Contains(t, out.String(), "initech-agents runs away")
	require.Contains(t, out.String(), "the gateway releases "+apps.BudgetTenant)
}
