package ingest

import (
	"fmt"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tollkeeper/tollkeeper/schema"
)

// Our columns are byte for byte what ch-go reads back as the same rows, at every width of key.
func TestDictionaryIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		different := rapid.SampledFrom([]int{1, 2, 256, 257, 700, 65_536, 65_537}).Draw(t, "different")
		rows := rapid.IntRange(0, 300).Draw(t, "rows")
		d := newDictionary()
		for range rapid.IntRange(1, 2).Draw(t, "times") { // a column is used again
			d.Reset()
			var want []string
			for i := range different {
				want = append(want, fmt.Sprint("text ", i))
			}
			for range rows {
				want = append(want, fmt.Sprint("text ", rapid.IntRange(0, different-1).Draw(t, "text")))
			}
			for _, text := range want {
				d.Append(text)
			}
			var b proto.Buffer
			d.EncodeState(&b)
			d.EncodeColumn(&b)
			got := new(proto.ColStr).LowCardinality()
			in := b.Reader()
			require.NoError(t, got.DecodeState(in))
			require.NoError(t, got.DecodeColumn(in, len(want)))
			require.Equal(t, want, got.Values)
			require.Equal(t, got.Type(), d.Type())
			_, err := in.Byte()
			require.Error(t, err, "all is read")
		}
	})
}

func TestCountsAreReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOf(rapid.MapOfN(rapid.StringMatching("[a-c]{0,3}"), rapid.Int64(), 0, 4)).Draw(t, "rows")
		c := newCounts("Int64")
		for _, row := range want {
			for k, v := range row {
				c.add(k, v)
			}
			c.end()
		}
		var b proto.Buffer
		c.EncodeState(&b)
		c.EncodeColumn(&b)
		got := proto.NewMap[string, int64](new(proto.ColStr).LowCardinality(), new(proto.ColInt64))
		require.Equal(t, got.Type(), c.Type())
		in := b.Reader()
		require.NoError(t, got.DecodeState(in))
		require.NoError(t, got.DecodeColumn(in, len(want)))
		require.Equal(t, len(want), got.Rows())
		for i := range want {
			require.Equal(t, want[i], got.Row(i))
		}
	})
}

// What is packed is, unpacked, the block that ch-go makes of the same columns.
func TestPackedBlocks(t *testing.T) {
	for _, n := range []int{1, 100, 30_000} { // the last is several packs long
		calls := newCallTable()
		for i := range n {
			c := call(i)
			calls.append(&c, uint64(i))
		}
		in := newInserter(schema.Target{}, time.Second)
		require.NoError(t, in.encode("test", &calls.table))
		var want proto.Buffer
		require.NoError(t, proto.Block{Columns: len(calls.input), Rows: n}.EncodeRawBlock(&want, 0, calls.input))
		packed := proto.NewReader(&in.body)
		packed.EnableCompression()
		got := make([]byte, len(want.Buf))
		require.NoError(t, packed.ReadFull(got))
		require.Equal(t, want.Buf, got)
		_, err := packed.Byte()
		require.Error(t, err, "all is read")
	}
	calls := newCallTable()
	calls.rows = 1
	require.ErrorContains(t, newInserter(schema.Target{}, time.Second).encode("test", &calls.table), `"minute" has 0 rows, expected 1`)
}
