package ingest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// The engine isn't asked to look for copies within an insert (optimize_on_insert = 0), so they are all in one part; whoever
// reads sees the one of the highest version, before and after a merge.
func TestCopiesInOneInsertCountOnce(t *testing.T) {
	r := newRig(t)
	cs := calls(0, 60)
	for i := range cs { // over three days: a part each
		at := noon.Add(-time.Duration(i%3)*24*time.Hour + time.Duration(i)*time.Second)
		cs[i].Start, cs[i].Received = at.UnixNano(), at.UnixNano()
		cs[i].SetMinute()
	}
	var sent []ledger.Call
	for _, c := range cs {
		failed := c // a report without usage or cost: the lower version
		failed.ErrorClass, failed.Usage, failed.Cost = "timeout", ledger.Usage{}, [ledger.NumCostParts]ledger.Money{}
		sent = append(sent, failed, c, c, failed)
	}
	r.broker.Calls(t, 0, sent...)
	r.start(r.config(), nil)
	r.wantStored(cs...)
	require.Equal(t, "3\t240\t0", r.query("SELECT count(), sum(rows), max(level) FROM system.parts WHERE active AND database = currentDatabase() AND table = 'call_reports'"),
		"one insert, and nothing is merged")
	kept := "SELECT count(), countIf(error_class != ''), uniqExact(trace_id) FROM call_reports FINAL"
	require.Equal(t, "60\t0\t60", r.query(kept))
	require.Equal(t, "60\t0\t60", r.query(kept+" SETTINGS do_not_merge_across_partitions_select_final = 1"))
	require.Equal(t, "20", r.query("SELECT count() FROM call_reports FINAL WHERE toDate(minute) = '2026-11-20'"))
	r.query("OPTIMIZE TABLE call_reports FINAL")
	require.Equal(t, "60", r.query("SELECT sum(rows) FROM system.parts WHERE active AND database = currentDatabase() AND table = 'call_reports'"))
	r.wantStored(cs...)
}
