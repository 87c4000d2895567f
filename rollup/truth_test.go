package rollup

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// truth is what a person with a pencil would add up: the newest version of every stored report, no database.
type truth struct{ reports map[string]ledger.Call }

// key is a report's identity.
func key(c *ledger.Call) string {
	return fmt.Sprintf("%d|%s|%x|%x", c.Minute, c.Tenant, c.TraceID, c.SpanID)
}

func (t *truth) add(c ledger.Call, version uint64, versions map[string]uint64) {
	k := key(&c)
	if version >= versions[k] {
		t.reports[k], versions[k] = c, version
	}
}

// total is one row of a rollup, as far as the tests look at it.
type total struct {
	Calls, Errors, RateLimited, Unpriced, Flagged, Estimated, Reserved, Input, Output, ReservedTokens uint64
	Cost, List, Saved                                                                                 ledger.Sum
	Classes                                                                                           map[string]uint64
	Units                                                                                             map[string]uint64
	Latency, FirstToken                                                                               map[uint8]uint64
}

func newTotal() *total {
	return &total{Classes: map[string]uint64{}, Units: map[string]uint64{}, Latency: map[uint8]uint64{}, FirstToken: map[uint8]uint64{}}
}

func (t *total) add(c *ledger.Call) {
	t.Calls++
	if c.ErrorClass != "" {
		t.Errors++
		t.Classes[c.ErrorClass]++
	}
	count := func(n *uint64, yes bool) {
		if yes {
			*n++
		}
	}
	count(&t.RateLimited, c.Flags&ledger.FlagRateLimited != 0)
	count(&t.Unpriced, c.Unpriced != "" && c.Flags&(ledger.FlagProvided|ledger.FlagReserved) == 0)
	count(&t.Flagged, c.Flags&ledger.FlagsDoubt != 0)
	count(&t.Estimated, c.Flags&(ledger.FlagEstimated|ledger.FlagTierUnknown|ledger.FlagCacheUnknown|ledger.FlagLifeUnknown|
		ledger.FlagAudioUnknown|ledger.FlagModelGuessed|ledger.FlagSampledHead) != 0)
	count(&t.Reserved, c.Flags&ledger.FlagReserved != 0)
	t.Input += uint64(c.Usage.Input())
	t.Output += uint64(c.Usage.Output())
	if c.Flags&ledger.FlagReserved != 0 {
		t.ReservedTokens += uint64(c.Usage.Input() + c.Usage.Output())
	}
	t.Cost = t.Cost.AddMoney(c.TotalCost())
	t.List = t.List.AddMoney(c.TotalCost()).AddMoney(c.ListDelta)
	t.Saved = t.Saved.AddMoney(c.CacheSaved)
	for u, n := range c.Usage.Units {
		if n > 0 {
			t.Units[ledger.Unit(u).String()] += uint64(n)
		}
	}
	t.Latency[bucketOf(c.Duration)]++
	if c.FirstToken > 0 {
		t.FirstToken[bucketOf(c.FirstToken)]++
	}
}

// bucketOf is the definition in 0001_tables.sql, written down a second time.
func bucketOf(ns int64) uint8 {
	x := uint64(ns) / 1000
	if x < 4 {
		return uint8(x)
	}
	e := bits.Len64(x) - 1
	return uint8(4*(e-1) + int(x>>(e-2)&3))
}

// totals adds up [from, to) by tenant and model.
func (t *truth) totals(from, to time.Time) map[string]*total {
	out := map[string]*total{}
	for _, c := range t.reports {
		if c.Minute < from.Unix() || c.Minute >= to.Unix() {
			continue
		}
		k := c.Tenant + "/" + c.Model
		if out[k] == nil {
			out[k] = newTotal()
		}
		out[k].add(&c)
	}
	return out
}

var (
	tenants = []string{"acme", "umbrella", "ünï'code\\"}
	models  = []string{"gpt", "opus", ""}
	classes = []string{"", "", "", "429", "timeout"}
)

// randomFlags has a few of all flags, so that no count is of nearly all calls.
func randomFlags(rng *rand.Rand) ledger.Flags {
	return ledger.Flags(rng.Uint32() & rng.Uint32() & rng.Uint32() & 0x1fffff)
}

// some is one of the values, or none.
func some(rng *rand.Rand, values ...string) string {
	if i := rng.IntN(len(values) + 1); i < len(values) {
		return values[i]
	}
	return ""
}

// randomCall is a report of one of the minutes, with few enough traces that identities repeat.
func randomCall(rng *rand.Rand, minutes []time.Time) ledger.Call {
	at := minutes[rng.IntN(len(minutes))]
	c := ledger.Call{
		Minute:     at.Unix(),
		Tenant:     tenants[rng.IntN(len(tenants))],
		Model:      models[rng.IntN(len(models))],
		Start:      at.UnixNano() + rng.Int64N(int64(time.Minute)),
		Duration:   rng.Int64N(1 << (10 + rng.IntN(40))),
		ErrorClass: classes[rng.IntN(len(classes))],
		Flags:      randomFlags(rng),
		ListDelta:  ledger.Money(rng.Int64N(2_000_000) - 1_000_000),
		CacheSaved: ledger.Money(rng.Int64N(2_000_000) - 1_000_000),
	}
	c.Team, c.Key, c.Agent, c.Feature = some(rng, "search", "ops"), some(rng, "k1"), some(rng, "planner"), some(rng, "chat", "other")
	c.User = some(rng, "ada", "ben", "cyd", "ünï")
	c.Prompt, c.PromptVersion = some(rng, "greet"), some(rng, "1", "2")
	c.Received = c.Start
	c.TraceID[0], c.TraceID[15] = byte(rng.IntN(20)), byte(rng.IntN(256))
	c.SpanID[7] = byte(rng.IntN(3))
	if rng.IntN(3) == 0 {
		c.FirstToken = rng.Int64N(int64(10 * time.Second))
	}
	for b := range c.Usage.Tokens {
		c.Usage.Tokens[b] = rng.Int64N(100_000)
	}
	c.Usage.Units[rng.IntN(ledger.NumUnits)] = rng.Int64N(5)
	for p := range c.Cost {
		c.Cost[p] = ledger.Money(rng.Int64N(1 << (10 + rng.IntN(40))))
	}
	if rng.IntN(10) == 0 {
		c.Unpriced, c.Cost = ledger.UnpricedModel, [ledger.NumCostParts]ledger.Money{}
	}
	return c
}
