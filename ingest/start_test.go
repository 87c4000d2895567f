package ingest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tollkeeper/tollkeeper/ledger"
)

func TestDecideStart(t *testing.T) {
	stored := func(next int64, hash uint64) *storedEnd { return &storedEnd{next, hash} }
	for name, c := range map[string]struct {
		facts startFacts
		want  startDecision
	}{
		"first start":               {startFacts{logStart: 3, logEnd: 9, committed: -1}, startDecision{3, "first start", -1, false}},
		"nothing stored, committed": {startFacts{logStart: 3, logEnd: 9, committed: 7}, startDecision{3, "the database knows nothing of this topic, though the group has committed offset 7: it is another one, or lost", 0, true}},
		"lost database, whole log":  {startFacts{logStart: 0, logEnd: 9, committed: 7}, startDecision{0, "the database knows nothing of this topic, though the group has committed offset 7: it is another one, or lost", -1, true}},
		"other topic id":            {startFacts{logStart: 0, logEnd: 9, committed: 7, otherTopicID: true}, startDecision{0, "the topic was deleted and created again", -1, true}},
		"as left":                   {startFacts{logStart: 0, logEnd: 9, committed: 7, stored: stored(7, 5), tailHash: 5, tailRead: true}, startDecision{7, "", -1, false}},
		"not committed yet":         {startFacts{logStart: 0, logEnd: 9, committed: 4, stored: stored(7, 5), tailHash: 5, tailRead: true}, startDecision{4, "", -1, false}},
		"never committed":           {startFacts{logStart: 0, logEnd: 9, committed: -1, stored: stored(7, 5), tailHash: 5, tailRead: true}, startDecision{7, "", -1, false}},
		"restored backup":           {startFacts{logStart: 0, logEnd: 9, committed: 9, stored: stored(7, 5), tailHash: 5, tailRead: true}, startDecision{7, "", -1, false}},
		"log dropped what was new":  {startFacts{logStart: 8, logEnd: 9, committed: 7, stored: stored(7, 5)}, startDecision{8, "", 7, true}},
		"log dropped what is stored": {startFacts{logStart: 6, logEnd: 9, committed: 4, stored: stored(7, 5), tailHash: 5, tailRead: true},
			startDecision{6, "", -1, false}},
		"emptied log":   {startFacts{logStart: 7, logEnd: 7, committed: 7, stored: stored(7, 5)}, startDecision{7, "", -1, false}},
		"shorter log":   {startFacts{logStart: 0, logEnd: 6, committed: 7, stored: stored(7, 5)}, startDecision{0, "stored up to offset 7, but the log ends at 6", -1, true}},
		"another tail":  {startFacts{logStart: 0, logEnd: 9, committed: 7, stored: stored(7, 5), tailHash: 6, tailRead: true}, startDecision{0, "the record at offset 6 is another one than was stored", -1, true}},
		"unknown tail":  {startFacts{logStart: 0, logEnd: 9, committed: 7, stored: stored(7, 0), tailHash: 6, tailRead: true}, startDecision{7, "", -1, false}},
		"tail not read": {startFacts{logStart: 0, logEnd: 9, committed: 7, stored: stored(7, 5)}, startDecision{7, "", -1, false}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, decideStart(c.facts)) })
	}
}

// Whatever the facts: reading begins inside the log, and no record in the log that isn't stored is passed over.
func TestStartPassesNothingOver(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := startFacts{logStart: rapid.Int64Range(0, 20).Draw(t, "log start"), committed: rapid.Int64Range(-1, 50).Draw(t, "committed")}
		f.logEnd = f.logStart + rapid.Int64Range(0, 20).Draw(t, "records")
		f.otherTopicID = rapid.Bool().Draw(t, "other id")
		if rapid.Bool().Draw(t, "stored") {
			f.stored = &storedEnd{rapid.Int64Range(0, 50).Draw(t, "next"), rapid.Uint64Range(0, 2).Draw(t, "hash")}
			f.tailRead, f.tailHash = rapid.Bool().Draw(t, "tail read"), rapid.Uint64Range(1, 2).Draw(t, "tail")
		}
		d := decideStart(f)
		if d.offset < f.logStart || d.offset > f.logEnd {
			t.Fatalf("starts at %d, outside the log", d.offset)
		}
		trusted := f.stored != nil && d.newEpoch == ""
		if !trusted && d.offset != f.logStart {
			t.Fatalf("nothing is known to be stored, but it starts at %d", d.offset)
		}
		if trusted && d.offset > max(f.stored.next, f.logStart) {
			t.Fatalf("passes over [%d, %d)", f.stored.next, d.offset)
		}
		lost := trusted && f.stored.next < f.logStart || f.stored == nil && !f.otherTopicID && f.committed >= 0 && f.logStart > 0
		if lost != (d.gapFrom >= 0) {
			t.Fatalf("lost %v, gap from %d", lost, d.gapFrom)
		}
	})
}

// A fetch that fails for an hour is still tried every ten seconds, not without a pause.
func TestPausesGrowToTheMost(t *testing.T) {
	pause := firstPause
	for range 400 {
		next := longer(pause, 10*time.Second)
		require.GreaterOrEqual(t, next, pause)
		require.LessOrEqual(t, next, 10*time.Second)
		pause = next
	}
	require.Equal(t, 10*time.Second, pause)
}

func TestChain(t *testing.T) {
	row := func(kind int8, first, next int64, hash uint64) rangeRow {
		return rangeRow{kind: kind, first: first, next: next, hash: hash, rows: uint64(next - first), cost: ledger.SumOf(ledger.Money(next - first))}
	}
	epoch, gap, check, rng := kindEpoch, kindGap, kindCheckpoint, kindRange
	for name, c := range map[string]struct {
		rows []rangeRow
		next int64
		hash uint64
		n    uint64
	}{
		"contiguous":        {[]rangeRow{row(epoch, 0, 0, 0), row(rng, 0, 5, 1), row(rng, 5, 9, 2)}, 9, 2, 9},
		"hole":              {[]rangeRow{row(epoch, 0, 0, 0), row(rng, 0, 5, 1), row(rng, 6, 9, 2)}, 5, 1, 5},
		"late start":        {[]rangeRow{row(epoch, 3, 3, 0), row(rng, 4, 9, 2)}, 3, 0, 0},
		"overlap":           {[]rangeRow{row(epoch, 0, 0, 0), row(rng, 0, 5, 1), row(rng, 0, 5, 1), row(rng, 3, 8, 2)}, 8, 2, 10},
		"gap as base":       {[]rangeRow{row(rng, 0, 5, 1), row(gap, 5, 7, 0), row(rng, 7, 9, 3)}, 9, 3, 2},
		"checkpoint":        {[]rangeRow{row(rng, 0, 5, 1), row(check, 0, 5, 1), row(rng, 5, 9, 3)}, 9, 3, 9},
		"only a checkpoint": {[]rangeRow{row(check, 0, 5, 1)}, 5, 1, 5},
	} {
		t.Run(name, func(t *testing.T) {
			end, total := chain(c.rows)
			require.Equal(t, &storedEnd{c.next, c.hash}, end)
			require.Equal(t, c.n, total.rows)
			require.Equal(t, ledger.SumOf(ledger.Money(c.n)), total.cost)
			require.Equal(t, c.next, total.next)
		})
	}
	end, _ := chain([]rangeRow{row(rng, 0, 5, 1)})
	require.Nil(t, end, "without a base nothing is known")
}

func TestJoinRanges(t *testing.T) {
	got := joinRanges([]rangeRow{
		{partition: 0, first: 0, next: 3, rows: 3, hash: 1},
		{partition: 1, first: 5, next: 6, rows: 1, hash: 2},
		{partition: 0, first: 3, next: 4, rows: 1, hash: 3},
		gapRow(0, 4, 6, "x"),
		{partition: 0, first: 6, next: 7, rows: 1, hash: 4},
		{partition: 0, first: 7, next: 9, rows: 2, hash: 5},
	})
	require.Equal(t, []rangeRow{
		{partition: 0, first: 0, next: 4, rows: 4, hash: 3},
		{partition: 1, first: 5, next: 6, rows: 1, hash: 2},
		gapRow(0, 4, 6, "x"),
		{partition: 0, first: 6, next: 9, rows: 3, hash: 5},
	}, got)
}

func TestGroupDays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		days := rapid.SliceOfN(rapid.Int64Range(0, 300), 0, 600).Draw(t, "days")
		calls := make([]decoded, len(days))
		distinct := map[int64]struct{}{}
		for i, d := range days {
			calls[i].call.Minute = d * 86400
			distinct[d] = struct{}{}
		}
		total := 0
		for _, g := range groupDays(calls, len(distinct), maxDays) {
			seen := map[int64]struct{}{}
			for _, c := range g {
				seen[c.call.Minute] = struct{}{}
			}
			if len(seen) > maxDays {
				t.Fatalf("%d days in one insert", len(seen))
			}
			total += len(g)
		}
		if total != len(days) {
			t.Fatalf("%d calls in, %d out", len(days), total)
		}
	})
}

func TestCutMakesAChunkAfterEachHole(t *testing.T) {
	var got fetched
	for _, o := range []int64{5, 6, 9, 10, 12} {
		got.records = append(got.records, record{offset: o, value: []byte{byte(o)}})
	}
	var offsets [][3]int64
	for _, c := range cut(0, 4, got) {
		offsets = append(offsets, [3]int64{c.gapFrom, c.first, c.next})
	}
	require.Equal(t, [][3]int64{{4, 5, 7}, {7, 9, 11}, {11, 12, 13}}, offsets)
	require.True(t, slices.IsSortedFunc(offsets, func(a, b [3]int64) int { return int(a[1] - b[1]) }))
}
