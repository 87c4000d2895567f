package settle

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// BenchmarkClientsAlone is what settle_clients: always costs where nobody has two layers: every call is a candidate, each with an id of
// its own. A minute's settlement decides over the candidates of a quarter of an hour before and after it.
func BenchmarkClientsAlone(b *testing.B) {
	for _, n := range []int{3_000, 100_000} {
		reports := make([]Report, n)
		start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
		for i := range reports {
			at := start.Add(time.Duration(i) * 30 * time.Minute / time.Duration(n))
			r := Report{ID: ID{Minute: at.Truncate(time.Minute).Unix(), Tenant: fmt.Sprint("tenant ", i%50)}, Version: succeeded | priced | counted, ResponseID: uint64(i + 1),
				Provider: "openai", Operation: "chat", Rank: 80, Flags: ledger.FlagCandidate | ledger.FlagUniqueID,
				Start: at.UnixNano(), End: at.Add(time.Second).UnixNano(), Input: 1000 + uint64(i%300), Output: 200}
			binary.BigEndian.PutUint64(r.Trace[:], uint64(i)*0x9e3779b97f4a7c15)
			binary.BigEndian.PutUint64(r.Span[:], uint64(i+1)*0x9e3779b97f4a7c15)
			reports[i] = r
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if got := len(Decide(reports)); got != n { // each on its own
					b.Fatal(got, "groups")
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/candidate")
		})
	}
}

// BenchmarkPairs is what a minute of 9,000 flagged reports takes to decide where all are a client's and its gateway's.
func BenchmarkPairs(b *testing.B) {
	reports := make([]Report, 9_000)
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for i := range reports {
		at := start.Add(time.Duration(i) * 6 * time.Millisecond)
		r := Report{ID: ID{Minute: start.Unix(), Tenant: fmt.Sprint("tenant ", i/2%200)}, Version: succeeded | priced | counted, ResponseID: uint64(i/2 + 1),
			Provider: "openai", Operation: "chat", Rank: uint8(80 + 15*(i%2)), Flags: ledger.FlagCandidate | ledger.FlagUniqueID,
			Start: at.UnixNano(), End: at.Add(time.Second).UnixNano(), Input: uint64(i / 2 % 4000), Output: 200}
		binary.BigEndian.PutUint64(r.Trace[:], uint64(i+1)*0x9e3779b97f4a7c15)
		binary.BigEndian.PutUint64(r.Span[:], uint64(i+2)*0x9e3779b97f4a7c15)
		reports[i] = r
	}
	b.ReportAllocs()
	for b.Loop() {
		if got := len(Decide(reports)); got != len(reports)/2 {
			b.Fatal(got, "groups")
		}
	}
}
