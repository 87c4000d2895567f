package alerts

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Crossing asks the ledger for the crossing call of [from, to).
func Crossing(conn driver.Conn, tenant string, from, to time.Time, need ledger.Sum) (at time.Time, ok bool, err error) {
	needs := map[string]ledger.Sum{tenant: need, tenant + "'s neighbour": need}
	err = reader{conn}.crossings(context.Background(), window{from, to}, []string{tenant, tenant + "'s neighbour"}, needs, func(of string, crossed time.Time) {
		at, ok = crossed, of == tenant
	})
	return at, ok, err
}

// NewEvaluator hands one evaluation at a time to benchmarks.
func NewEvaluator(t testing.TB, cfg Config, now func() time.Time) func() error {
	a, err := New(cfg, Deps{Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Metrics: prometheus.NewRegistry(), Now: now})
	require.NoError(t, err)
	t.Cleanup(func() { _ = a.conn.Close() })
	return func() error { return a.evaluate(context.Background()) }
}

// Grains reads how coarse tenants' spend and calls were on one day of the ledger, by tenant; ” is all together.
func Grains(ctx context.Context, conn driver.Conn, from time.Time) (map[string][2]ledger.Sum, error) {
	read, err := reader{conn}.dispersions(ctx, from, from.Add(day))
	if err != nil {
		return nil, err
	}
	out := map[string][2]ledger.Sum{}
	for tenant, s := range read[from.Unix()] {
		spend, err := s.spend.Grain()
		if err != nil {
			return nil, err
		}
		calls, err := s.calls.Grain()
		if err != nil {
			return nil, err
		}
		out[tenant] = [2]ledger.Sum{spend, calls}
	}
	return out, nil
}

// Hurry shortens the times by which processes agree who leads; silent is how long one is waited for.
func (a *Alerts) Hurry(silent time.Duration) {
	a.lead.pace = leadPace{renew: 100 * time.Millisecond, within: silent / 4, wait: silent/4 + 100*time.Millisecond, acting: silent / 2, silent: silent}
}

// Gate lets a process renew its claim, or not.
type Gate struct {
	claims
	mu     sync.Mutex
	closed chan struct{} // nil: open
}

// Gate puts a gate before the renewals of a claim, before the process runs.
func (a *Alerts) Gate() *Gate {
	g := &Gate{claims: a.lead.claims}
	a.lead.claims = g
	return g
}

// Close has renewals hang, until Open.
func (g *Gate) Close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = make(chan struct{})
}

// Open lets those go on that hang.
func (g *Gate) Open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.closed)
	g.closed = nil
}

func (g *Gate) renew(ctx context.Context, holder uuid.UUID, renewable time.Duration) error {
	g.mu.Lock()
	closed := g.closed
	g.mu.Unlock()
	if closed != nil {
		select {
		case <-closed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return g.claims.renew(ctx, holder, renewable)
}

// Claims are the claims in a database.
type Claims struct{ table claimTable }

// NewClaims are those of a database.
func NewClaims(conn driver.Conn) Claims { return Claims{newClaimTable(conn)} }

// Claim claims.
func (c Claims) Claim(t testing.TB) uuid.UUID {
	id := uuid.New()
	require.NoError(t, c.table.claim(context.Background(), id, pace.within))
	return id
}

// Renew renews a claim whose last renewal isn't older.
func (c Claims) Renew(t testing.TB, id uuid.UUID, renewable time.Duration) {
	require.NoError(t, c.table.renew(context.Background(), id, renewable))
}

// Leave ends a claim.
func (c Claims) Leave(t testing.TB, id uuid.UUID) {
	require.NoError(t, c.table.leave(context.Background(), id))
}

// Seen is a claim as it is read.
type Seen struct {
	Host      string
	Age, Seen time.Duration
	Gone      bool
}

// All are all claims.
func (c Claims) All(t testing.TB) map[uuid.UUID]Seen {
	all, err := c.table.all(context.Background())
	require.NoError(t, err)
	out := map[uuid.UUID]Seen{}
	for _, one := range all {
		out[one.holder] = Seen{one.host, one.age, one.seen, one.gone}
	}
	return out
}
