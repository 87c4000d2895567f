package ingest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Records that were written by hand, or by a program that isn't ours: a call without a tenant is stored as nobody's; one whose time can't be is a
// dead letter, since stored it would be deleted with its day or never. Replayed, it is stored once, in a minute that can be.
func TestTimesThatCannotBe(t *testing.T) {
	r := newRig(t)
	r.now = func() time.Time { return noon.Add(time.Hour) }
	cfg := r.config()
	cfg.Kept = 60 * 24 * time.Hour
	at := func(n int, minute, received time.Time) ledger.Call {
		c := call(n)
		c.Minute, c.Received, c.Tenant = minute.Unix(), received.UnixNano(), "odd"
		return c
	}
	nobody := call(1)
	nobody.Tenant, nobody.TenantSource = "", ""
	year2100, zero := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(0, 0)
	odd := []ledger.Call{
		at(10, zero, noon),
		at(11, zero, zero),
		at(12, year2100, noon),
		at(13, year2100, year2100),
		at(14, noon.Add(2*time.Hour), noon),
		at(15, noon.Add(-36*24*time.Hour), noon),
		at(16, noon.Add(-61*24*time.Hour), noon.Add(-61*24*time.Hour)),
	}
	odd[1].Start, odd[3].Start = 0, year2100.UnixNano()
	fine := []ledger.Call{call(0), at(2, noon.Add(time.Hour), noon), at(3, noon.Add(-35*24*time.Hour), noon), at(4, noon.Add(-59*24*time.Hour), noon.Add(-50*24*time.Hour))}
	r.broker.Calls(t, 0, slices.Concat(fine[:1], odd[:3], []ledger.Call{nobody}, odd[3:], fine[1:])...)
	run := r.start(cfg, nil)
	r.wantCommitted(cfg, ledger.TopicCalls)
	require.Equal(t, "5", r.query("SELECT count() FROM call_reports FINAL"))
	require.Equal(t, "5", r.query("SELECT sum(rows) FROM ingest_ranges WHERE kind = 'range'"))
	require.Equal(t, "1", r.query("SELECT count() FROM call_reports FINAL WHERE tenant = 'unattributed' AND tenant_source = '"+ledger.TenantFromNowhere+"'"))
	require.Equal(t, 7.0, r.metric("dead_letters_total"))
	require.NoError(t, run.Ready(t.Context()))

	dead, err := OpenDeadLetters(r.broker.Servers, cfg.Kept)
	require.NoError(t, err)
	defer dead.Close()
	dead.now = r.now
	letters, err := dead.List(t.Context())
	require.NoError(t, err)
	require.Len(t, letters, 7)
	for i, l := range letters {
		require.Equal(t, ReasonTime, l.Reason)
		require.Equal(t, []int{1, 2, 3, 5, 6, 7, 8}[i], l.Index)
		require.Equal(t, ledger.AppendBatch(nil, odd[i:i+1]), l.Value)
		require.Contains(t, l.Error, "minute "+time.Unix(odd[i].Minute, 0).UTC().Format(time.RFC3339))
		require.NoError(t, l.Refuses())
	}
	for range 2 {
		for i := range letters {
			require.NoError(t, dead.Replay(t.Context(), &letters[i]))
		}
	}
	r.wantCommitted(cfg, ledger.TopicCalls)
	require.Equal(t, "12", r.query("SELECT count() FROM call_reports FINAL"))
	require.Equal(t, "5", r.query("SELECT count() FROM call_reports FINAL WHERE tenant = 'odd' AND minute = '2026-11-20 12:00:00'"), "of its start")
	require.Equal(t, "2", r.query(fmt.Sprintf("SELECT count() FROM call_reports FINAL WHERE minute = '2026-11-20 13:00:00' AND bitAnd(flags, %d) != 0", ledger.FlagStartOutside)), "of the letter")
	require.Equal(t, 7.0, r.metric("dead_letters_total"))
}

// A letter names its call's place in the batch that was sent, also where calls before it can't be read.
func TestALettersPlaceInItsBatch(t *testing.T) {
	unreadable, odd := call(0), call(1)
	unreadable.Usage.Tokens[ledger.CacheRead] = -1
	odd.Minute = 0
	b := &callBatch{within: momentsAt(noon.Add(time.Hour), 0), columns: newColumns()}
	bad, err := b.decode(0, &record{offset: 7, value: ledger.AppendBatch(nil, []ledger.Call{unreadable, odd, call(2)})})
	require.NoError(t, err)
	var places []string
	for _, f := range bad {
		places = append(places, fmt.Sprint(f.reason, " ", f.index))
	}
	require.Equal(t, []string{ReasonRefusedCall + " 0", ReasonTime + " 1"}, places)
	require.Len(t, b.record, 1)
	require.Equal(t, 2, b.record[0].index)
}
