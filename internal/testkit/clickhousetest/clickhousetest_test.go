package clickhousetest_test

import (
	"context"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/schema"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

func TestClientReachesItsOwnDatabase(t *testing.T) {
	s := clickhousetest.Start(t)
	url := s.Database(t)
	conn, err := schema.Open(url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	ctx := context.Background()
	require.NoError(t, conn.Exec(ctx, "CREATE TABLE x (a UInt32, m Map(LowCardinality(String), String), d Decimal(18,12)) ENGINE = MergeTree ORDER BY a SETTINGS storage_policy = 'tollkeeper'"))
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO x")
	require.NoError(t, err)
	for i := range uint32(1000) {
		require.NoError(t, batch.Append(i, map[string]string{"k": "v"}, "1.000000000001"))
	}
	require.NoError(t, batch.Send())
	var n uint64
	var sum string
	require.NoError(t, conn.QueryRow(ctx, "SELECT count(), toString(sum(d)) FROM x WHERE a < {n:UInt32}", clickhouse.Named("n", 500)).Scan(&n, &sum))
	require.Equal(t, uint64(500), n)
	require.Equal(t, "500.0000000005", sum)
	require.Equal(t, "1000", s.Exec(t, url, "SELECT count() FROM x"))
}
