package modelserver

import (
	"maps"
	"sync"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Billed is one call the server billed.
type Billed struct {
	At         time.Time
	Tenant     string
	Model      string // the snapshot that answered
	ResponseID string // empty for embeddings, which have none
	Usage      Usage
	Amount     ledger.Money
}

// Bill is a sum of billed calls.
type Bill struct {
	Calls  int64
	Amount ledger.Sum
}

// keepCalls bounds the list of single calls and keepSeconds the chart; the totals are never cut.
const (
	keepCalls   = 100_000
	keepSeconds = 300
)

// Truth is what the server billed. It may be read while calls are being served.
type Truth struct {
	mu      sync.Mutex
	tenants map[string]Bill
	seconds map[second]ledger.Sum
	calls   []Billed
	pruned  int64
}

type second struct {
	unix   int64
	tenant string
}

func newTruth() *Truth {
	return &Truth{tenants: map[string]Bill{}, seconds: map[second]ledger.Sum{}}
}

func (t *Truth) add(b Billed) {
	t.mu.Lock()
	defer t.mu.Unlock()
	bill := t.tenants[b.Tenant]
	t.tenants[b.Tenant] = Bill{bill.Calls + 1, bill.Amount.AddMoney(b.Amount)}
	at := second{b.At.Unix(), b.Tenant}
	t.seconds[at] = t.seconds[at].AddMoney(b.Amount)
	if t.pruned < at.unix-keepSeconds {
		maps.DeleteFunc(t.seconds, func(k second, _ ledger.Sum) bool { return k.unix < at.unix-keepSeconds })
		t.pruned = at.unix
	}
	if len(t.calls) < keepCalls {
		t.calls = append(t.calls, b)
	}
}

// Tenants returns what was billed to each tenant.
func (t *Truth) Tenants() map[string]Bill {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.tenants)
}

// Total returns what was billed to all tenants together.
func (t *Truth) Total() Bill {
	var total Bill
	for _, b := range t.Tenants() {
		total.Calls += b.Calls
		total.Amount = total.Amount.Add(b.Amount)
	}
	return total
}

// Calls returns the first 100,000 billed calls in the order of billing.
func (t *Truth) Calls() []Billed {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]Billed(nil), t.calls...)
}

// Between returns what the tenant was billed in the whole seconds [from, to).
func (t *Truth) Between(tenant string, from, to time.Time) ledger.Sum {
	t.mu.Lock()
	defer t.mu.Unlock()
	var sum ledger.Sum
	for s := from.Unix(); s < to.Unix(); s++ {
		sum = sum.Add(t.seconds[second{s, tenant}])
	}
	return sum
}
