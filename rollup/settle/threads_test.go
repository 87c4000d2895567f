package settle

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

// threadsOf asks the engine, beside each look for others, in how many threads a statement with its settings runs.
type threadsOf struct {
	driver.Conn
	mu   sync.Mutex
	seen []string
}

func (c *threadsOf) Query(ctx context.Context, text string, args ...any) (driver.Rows, error) {
	if text == schema.SQL("settle/around") {
		var threads string
		if err := c.QueryRow(ctx, "SELECT toString(getSetting('max_threads'))").Scan(&threads); err != nil {
			return nil, err
		}
		c.mu.Lock()
		c.seen = append(c.seen, threads)
		c.mu.Unlock()
	}
	return c.Conn.Query(ctx, text, args...)
}

// A look runs in one thread if the one before it found few reports; the first one, one after many, and one over a day don't.
func TestSmallLooksRunInOneThread(t *testing.T) {
	conn := &threadsOf{Conn: ledgerOf(t)}
	var usual string
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT toString(getSetting('max_threads'))").Scan(&usual))
	if usual == "1" {
		t.Skip("on one core every statement runs in one thread")
	}
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	r := Report{ID: ID{Minute: at.Unix(), Tenant: "acme", Trace: [16]byte{1}, Span: [8]byte{1}}, Version: succeeded | priced | counted,
		Provider: "openai", Operation: "chat", Rank: 80, Flags: ledger.FlagCandidate, Start: at.UnixNano(), End: at.Add(time.Second).UnixNano(), Input: 1, Output: 1}
	outside := r
	outside.Minute, outside.Flags = at.Add(-time.Hour).Unix(), r.Flags|ledger.FlagStartOutside
	arrive(t, conn, r, outside)
	s := settler(conn)
	look := func(minute time.Time) (threads []string) {
		conn.seen = nil
		require.NoError(t, s.Settle(t.Context(), minute))
		return conn.seen
	}
	require.Equal(t, usual, look(at)[0], "nothing is known yet")
	require.Equal(t, []string{"1"}, look(at))
	require.Equal(t, []string{"1", usual}, look(at.Add(-time.Hour))[:2], "a quarter of an hour, then a day")
	s.last.Store(mostRoom)
	require.Equal(t, usual, look(at)[0], "many came before")
}
