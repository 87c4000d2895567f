package ingest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// A value that the table doesn't take is found by halving, set aside, and the rows around it are stored; a second time it
// can be stored it comes back by its letter, once, however often that is replayed.
func TestRowThatTheTableRefuses(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	r.query("ALTER TABLE call_reports ADD CONSTRAINT no_one CHECK user != 'user-37' AND user != 'user-61'")
	cs := calls(0, 100)
	cs[37].TraceID, cs[37].SpanID = [16]byte{}, [8]byte{} // its identity is where it comes from
	cs[61].Flags |= ledger.FlagCandidate
	r.broker.Calls(t, 1, cs...)
	run := r.start(cfg, nil)
	good := append(append(append([]ledger.Call(nil), cs[:37]...), cs[38:61]...), cs[62:]...)
	r.wantStored(good...)
	r.wantCommitted(cfg, ledger.TopicCalls)
	require.NoError(t, run.Ready(context.Background()))
	require.Equal(t, "98", r.query("SELECT sum(rows) FROM ingest_ranges WHERE kind = 'range'"))
	require.Equal(t, r.query("SELECT toDecimalString(sum(cost), 12) FROM calls(from = '2026-01-01 00:00:00', to = '2027-01-01 00:00:00')"),
		r.query("SELECT toDecimalString(sum(cost), 12) FROM ingest_ranges WHERE kind = 'range'"))
	require.Equal(t, "0", r.query("SELECT count() FROM settle_candidates"))

	dead, err := OpenDeadLetters(r.broker.Servers, 0)
	require.NoError(t, err)
	defer dead.Close()
	letters, err := dead.List(t.Context())
	require.NoError(t, err)
	require.Len(t, letters, 2)
	for i, l := range letters {
		require.Equal(t, ReasonRefusedRow, l.Reason)
		require.Equal(t, []int{37, 61}[i], l.Index)
		require.Contains(t, l.Error, "no_one")
		require.EqualValues(t, 1, l.Partition)
		require.Nil(t, l.Replayed)
		require.NoError(t, l.Refuses())
	}
	r.query("ALTER TABLE call_reports DROP CONSTRAINT no_one")
	for range 2 {
		for i := range letters {
			require.NoError(t, dead.Replay(t.Context(), &letters[i]))
		}
	}
	r.wantStored(cs...)
	r.wantCommitted(cfg, ledger.TopicCalls)
	require.Equal(t, "4", r.query("SELECT sum(rows) - 98 FROM ingest_ranges WHERE kind = 'range'"), "they came twice")
	r.wantStored(cs...)
	letters, err = dead.List(t.Context())
	require.NoError(t, err)
	require.Len(t, letters, 2, "the notes of a replay are no letters")
	require.NotNil(t, letters[1].Replayed)
}

// A dead letter whose replay can't succeed says so.
func TestLettersThatCannotBeReplayed(t *testing.T) {
	r := newRig(t)
	bad := call(7)
	bad.Usage.Tokens[ledger.CacheRead] = -1
	r.broker.Produce(t, ledger.TopicCalls, 0, []byte("no batch"), newerBatch(call(1)), ledger.AppendBatch(nil, []ledger.Call{call(2), bad}))
	r.start(r.config(), nil)
	r.wantStored(call(2))
	r.wantCommitted(r.config(), ledger.TopicCalls)
	dead, err := OpenDeadLetters(r.broker.Servers, 0)
	require.NoError(t, err)
	defer dead.Close()
	letters, err := dead.List(t.Context())
	require.NoError(t, err)
	require.Len(t, letters, 3)
	for _, l := range letters {
		require.Error(t, l.Refuses(), l.Reason)
	}
	require.Error(t, (&Letter{Reason: ReasonUnreadable}).Refuses())
	require.ErrorContains(t, (&Letter{Cut: true, Topic: "t", Partition: 3, Offset: 9}).Refuses(), "partition 3, offset 9")
}

// A table that isn't what we write stops the reading, says so with the remedy, and loses nothing.
func TestSchemaMismatchHalts(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	cs := calls(0, 20)
	r.spread(cs)
	run := r.start(cfg, nil)
	r.wantStored(cs...)
	r.query("ALTER TABLE call_reports RENAME COLUMN team TO squad")
	more := calls(20, 20)
	r.spread(more)
	require.Eventually(t, func() bool { return run.Ready(context.Background()) != nil }, patience, 5*time.Millisecond)
	require.ErrorIs(t, run.Ready(context.Background()), errSchema)
	require.ErrorContains(t, run.Ready(context.Background()), "tollkeeper schema")
	require.Equal(t, "20", r.query("SELECT count() FROM call_reports FINAL"))
	r.query("ALTER TABLE call_reports RENAME COLUMN squad TO team")
	r.wantStored(append(cs, more...)...)
	r.wantCommitted(cfg, ledger.TopicCalls)
	require.Empty(t, r.broker.End(ledger.TopicDeadLetter)[0])
}

// A server that takes fewer days at once than usual gets an insert per day.
func TestTooManyDaysForThisServer(t *testing.T) {
	r := newRig(t)
	p := newProxy(t, r.url)
	p.set(fewDays, "INSERT INTO call_reports")
	cfg := r.config()
	cfg.ClickHouse = p.url
	cs := calls(0, 30)
	for i := range cs {
		at := noon.Add(-time.Duration(i%10) * 24 * time.Hour)
		cs[i].Start, cs[i].Received = at.UnixNano(), at.UnixNano()
		cs[i].SetMinute()
	}
	r.broker.Calls(t, 0, cs...)
	r.start(cfg, nil)
	r.wantStored(cs...)
	r.wantCommitted(cfg, ledger.TopicCalls)
	require.EqualValues(t, 11, p.hits.Load(), "one that is refused, then one for each day")
	require.Zero(t, r.metric("retries_total"), "nothing to wait for")
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		err  serverError
		want refusal
	}{
		{serverError{code: "241"}, refusalMemory},
		{serverError{code: "252", text: "Too many parts (3000). Merges are processing significantly slower than inserts"}, refusalPasses},
		{serverError{code: "252", text: "Too many partitions for single INSERT block (more than 100)"}, refusalDays},
		{serverError{code: "469"}, refusalOfRow},
		{serverError{code: "60"}, refusalOfSchema},
		{serverError{code: "243", text: "not enough space"}, refusalPasses},
		{serverError{status: "502"}, refusalPasses},
	} {
		require.Equal(t, c.want, refusalOf(&c.err), c.err)
	}
	require.Equal(t, refusalPasses, refusalOf(context.DeadlineExceeded))
}

func TestOriginsAreReadBack(t *testing.T) {
	o := origin{[16]byte{1, 2}, 3, 4, 5}
	got, ok := parseOrigin(o.String())
	require.True(t, ok)
	require.Equal(t, o, got)
	for _, bad := range []string{"", "x/1/2/3", o.String() + "/1", "01020000-0000-0000-0000-000000000000/-1/2/3"} {
		_, ok := parseOrigin(bad)
		require.False(t, ok, bad)
	}
}
