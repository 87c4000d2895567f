package ingest

import (
	"context"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/schema"
)

// What is sent as it is and what is sent packed, as to another machine, are stored alike.
func TestInsertsPackedAndNot(t *testing.T) {
	engine := clickhousetest.Start(t)
	var sums []string
	for _, pack := range []bool{false, true} {
		url := engine.Database(t)
		_, err := schema.Apply(context.Background(), url, schema.DefaultOptions())
		require.NoError(t, err)
		target, err := schema.ParseURL(url)
		require.NoError(t, err)
		in := newInserter(target, time.Minute)
		defer in.close()
		require.Nil(t, in.packed, "the engine is on this machine")
		if pack {
			in.packed = compress.NewWriter(compress.LevelZero, compress.LZ4)
		}
		calls := newCallTable()
		for i := range 20_000 {
			c := call(i)
			calls.append(&c, uint64(i))
		}
		require.NoError(t, in.insert(context.Background(), "ingest/insert_calls", &calls.table))
		sums = append(sums, engine.Exec(t, url, "SELECT count(), sum(cityHash64(* EXCEPT received)) FROM call_reports"))
	}
	require.Contains(t, sums[0], "20000\t")
	require.Equal(t, sums[0], sums[1])
}
