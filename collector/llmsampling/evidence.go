package llmsampling

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// The tags of llmcost that are read here.
const (
	attrTenant   = ledger.AttrPrefix + "tenant"   // on the resource, and on spans of another tenant
	attrCost     = ledger.AttrPrefix + "cost.usd" // a decimal as text
	attrUnpriced = ledger.AttrPrefix + "unpriced" // the reason
	attrFlags    = ledger.AttrPrefix + "flags"    // names, comma-separated
)

// The attributes that are written here.
const (
	AttrKept        = ledger.AttrPrefix + "sampling.kept"
	AttrProbability = ledger.AttrPrefix + "sampling.probability"
)

// reasons to keep a trace, as bits; the lowest set one names it.
type reasons uint8

const (
	becauseError reasons = 1 << iota
	becauseUnpriced
	becauseFlagged
	becauseCost
)

// keptRandom names what is kept for no reason but its randomness.
const keptRandom = "random"

func (r reasons) name() string {
	switch {
	case r&becauseError != 0:
		return "error"
	case r&becauseUnpriced != 0:
		return "unpriced"
	case r&becauseFlagged != 0:
		return "flagged"
	case r&becauseCost != 0:
		return "cost"
	}
	return keptRandom
}

// evidence is what spans of one trace say for keeping it.
type evidence struct {
	reasons reasons
	cost    ledger.Sum
	state   otState
}

// rules turn spans into evidence.
type rules struct {
	errors, unpriced, flagged bool
	minCost                   ledger.Sum
	hasMinCost                bool
	doubt                     map[string]bool
	threshold                 uint64
}

func newRules(c Config) (rules, error) {
	r := rules{errors: c.KeepErrors, unpriced: c.KeepUnpriced, flagged: c.KeepFlagged,
		doubt: map[string]bool{}, threshold: threshold(c.Probability)}
	for name := range strings.SplitSeq(ledger.FlagsDoubt.String(), ",") {
		r.doubt[name] = true
	}
	if c.MinCost == "" {
		return r, nil
	}
	m, err := ledger.ParseMoney(c.MinCost)
	r.minCost, r.hasMinCost = ledger.SumOf(m), true
	return r, err
}

// observe adds what one span says.
func (r *rules) observe(e *evidence, span ptrace.Span) {
	if r.errors && span.Status().Code() == ptrace.StatusCodeError {
		e.reasons |= becauseError
	}
	if state := span.TraceState().AsRaw(); state != "" && !e.state.hasTh && !e.state.hasRv {
		e.state = readState(state)
	}
	for key, v := range span.Attributes().All() {
		if len(key) <= len(ledger.AttrPrefix) || key[0] != ledger.AttrPrefix[0] || v.Type() != pcommon.ValueTypeStr {
			continue
		}
		switch key {
		case attrCost:
			if m, err := ledger.ParseMoney(v.Str()); err == nil {
				e.cost = e.cost.AddMoney(m)
			}
		case attrUnpriced:
			if r.unpriced && v.Str() != "" {
				e.reasons |= becauseUnpriced
			}
		case attrFlags:
			if r.flagged && r.doubtful(v.Str()) {
				e.reasons |= becauseFlagged
			}
		}
	}
}

func (r *rules) doubtful(flags string) bool {
	for name := range strings.SplitSeq(flags, ",") {
		if r.doubt[name] {
			return true
		}
	}
	return false
}

// add merges later evidence of the same trace.
func (e *evidence) add(o *evidence) {
	e.reasons |= o.reasons
	e.cost = e.cost.Add(o.cost)
	if !e.state.hasTh && !e.state.hasRv {
		e.state = o.state
	}
}

// verdict is what happens to a trace's spans.
type verdict struct {
	keep        bool
	kept        string
	probability float64
	threshold   uint64 // to be written as th, if random
}

// decide weighs the evidence of a trace with randomness random (unless its state carries rv).
func (r *rules) decide(e *evidence, random uint64) verdict {
	head := uint64(0) // the SDK's own threshold
	if e.state.hasTh {
		head = e.state.th
	}
	why := e.reasons
	if r.hasMinCost && e.cost.Cmp(r.minCost) >= 0 {
		why |= becauseCost
	}
	if why != 0 {
		return verdict{keep: true, kept: why.name(), probability: probability(head), threshold: head}
	}
	if e.state.hasRv {
		random = e.state.rv
	}
	if random < r.threshold {
		return verdict{}
	}
	t := max(head, r.threshold)
	return verdict{keep: true, kept: keptRandom, probability: probability(t), threshold: t}
}
