package ingest

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// FuzzDecode: no bytes make the reader panic, append half a batch or let through what the tables can't hold.
func FuzzDecode(f *testing.F) {
	good := ledger.AppendBatch(nil, calls(0, 3))
	noIDs := call(1)
	noIDs.TraceID, noIDs.Tenant, noIDs.Duration = [16]byte{}, "", -1
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(newerBatch(call(1)))
	f.Add(ledger.AppendBatch(nil, []ledger.Call{noIDs, {}, {Minute: 61}, {Minute: -60, Role: 7}, call(2)}))
	f.Add([]byte{})
	f.Add([]byte("this is no batch"))
	f.Fuzz(func(t *testing.T, b []byte) {
		before := []decoded{{call: call(9)}}
		got, refused, err := decode(before, origin{partition: 1, offset: 2}, b)
		if err != nil {
			require.True(t, errors.Is(err, ledger.ErrNotBatch) || errors.Is(err, ledger.ErrNewerVersion), "%v", err)
			require.Len(t, got, 1)
			require.Empty(t, refused)
			return
		}
		table, candidates := newCallTable(), newCandidateTable()
		for i := range got[1:] {
			c := &got[1+i].call
			require.NotEmpty(t, c.Tenant)
			require.NotEqual(t, [16]byte{}, c.TraceID)
			require.NotEqual(t, [8]byte{}, c.SpanID)
			table.append(c, got[1+i].version)
			candidates.append(c, got[1+i].version)
		}
		for _, r := range refused {
			again, twice, err := decode(nil, origin{}, r.batch)
			require.NoError(t, err, "the dead letter of a refused call is a batch")
			require.Empty(t, again)
			require.Len(t, twice, 1)
		}
	})
}

// FuzzDecodeSpans: no bytes make the reader of payload panic, and every row it makes can be stored.
func FuzzDecodeSpans(f *testing.F) {
	good, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(someSpans(noon, 2))
	require.NoError(f, err)
	f.Add(good)
	f.Add(good[:len(good)-3])
	f.Add([]byte("no spans"))
	f.Fuzz(func(_ *testing.T, b []byte) {
		rows, err := decodeSpans(b, time.Unix(1_800_000_000, 0))
		if err != nil {
			return
		}
		table := newSpanTable()
		for i := range rows {
			table.append(&rows[i])
		}
	})
}
