package llmsampling

import (
	"hash/maphash"
	"math/bits"
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
	attrModel    = ledger.AttrPrefix + "model"    // that answered, where saidModel doesn't say it
	attrAgent    = ledger.AttrPrefix + "agent"    // that called it, if any, where saidAgent doesn't say it
)

// What calls say themselves, by OpenTelemetry's conventions.
const (
	saidModel = "gen_ai.response.model"
	saidAgent = "gen_ai.agent.name"
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
	becauseMarked
	becauseCost
	becauseDuration
	becauseFirst
)

var reasonNames = [...]string{"error", "unpriced", "flagged", "marked", "cost", "duration", "first"}

// What is kept for no reason of its own: the first traces of a tenant in a minute, and those that their randomness chose.
const (
	keptFloor  = "floor"
	keptRandom = "random"
)

// Why a trace is dropped: its randomness chose so, whatever the budget is, or there was no room for it.
const (
	droppedRandom = "random"
	droppedBudget = "budget"
)

func (r reasons) name() string {
	if r == 0 {
		return keptRandom
	}
	return reasonNames[bits.TrailingZeros8(uint8(r))]
}

// evidence is what spans of one trace say for keeping it.
type evidence struct {
	reasons  reasons
	cost     ledger.Sum
	duration uint64 // of the longest span, in nanoseconds
	state    otState
}

// rules turn spans into evidence.
type rules struct {
	errors, unpriced, flagged, first bool
	unusualCost, unusualDuration     bool
	minCost                          ledger.Sum
	hasMinCost                       bool
	doubt                            map[string]bool
	marks                            []string
	seed                             maphash.Seed
}

func newRules(c Config) (rules, error) {
	r := rules{errors: c.KeepErrors, unpriced: c.KeepUnpriced, flagged: c.KeepFlagged, first: c.KeepFirst,
		unusualCost: c.KeepUnusualCost, unusualDuration: c.KeepUnusualDuration, marks: c.MarkKeys,
		doubt: map[string]bool{}, seed: maphash.MakeSeed()}
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
func (r *rules) observe(e *evidence, span ptrace.Span, look *glance) {
	if r.errors && span.Status().Code() == ptrace.StatusCodeError {
		e.reasons |= becauseError
	}
	if from, to := span.StartTimestamp(), span.EndTimestamp(); to > from && from > 0 {
		e.duration = max(e.duration, uint64(to-from))
	}
	if state := span.TraceState().AsRaw(); state != "" && !e.state.hasTh && !e.state.hasRv {
		e.state = readState(state)
	}
	if look.cost != "" {
		if m, err := ledger.ParseMoney(look.cost); err == nil {
			e.cost = e.cost.AddMoney(m)
		}
	}
	if r.unpriced && look.unpriced {
		e.reasons |= becauseUnpriced
	}
	if r.flagged && look.flags != "" && r.doubtful(look.flags) {
		e.reasons |= becauseFlagged
	}
	if look.marked {
		e.reasons |= becauseMarked
	}
}

// pair is the hash of the model and agent of a call, 0 for other spans and calls that name no model.
func (r *rules) pair(look *glance) uint64 {
	if !r.first || (look.cost == "" && !look.unpriced) {
		return 0
	}
	model, agent := look.model, look.agent
	if model == "" {
		model = look.saidModel
	}
	if agent == "" {
		agent = look.saidAgent
	}
	if model == "" {
		return 0
	}
	return maphash.String(r.seed, model)*31 + maphash.String(r.seed, agent) | 1
}

// marked reports whether the value of a mark says "keep": true, a number above 0, or a text other than those that say no.
func marked(v pcommon.Value) bool {
	switch v.Type() {
	case pcommon.ValueTypeBool:
		return v.Bool()
	case pcommon.ValueTypeInt:
		return v.Int() > 0
	case pcommon.ValueTypeDouble:
		return v.Double() > 0
	case pcommon.ValueTypeStr:
		switch strings.ToLower(v.Str()) {
		case "", "0", "false", "no", "drop":
			return false
		}
		return true
	}
	return false
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
	e.duration = max(e.duration, o.duration)
	if !e.state.hasTh && !e.state.hasRv {
		e.state = o.state
	}
}

// units of the cost, for a window: 10⁻¹² USD.
func (e *evidence) units() uint64 {
	if m, ok := e.cost.Money(); ok && m > 0 {
		return uint64(m)
	}
	return 0
}

// verdict is what happens to a trace's spans.
type verdict struct {
	keep        bool
	because     string // kept or dropped
	why         reasons
	probability float64
	threshold   uint64 // to be written as th; 0 for none
}

// weigh gives the reasons for keeping a trace of a tenant.
func (r *rules) weigh(e *evidence, of *tenantState, now int64) reasons {
	why := e.reasons
	if r.hasMinCost && e.cost.Cmp(r.minCost) >= 0 {
		why |= becauseCost
	}
	if of != nil {
		if units := e.units(); r.unusualCost && units > 0 && of.cost.above(now, units) {
			why |= becauseCost
		}
		if r.unusualDuration && e.duration > 0 && of.duration.above(now, e.duration) {
			why |= becauseDuration
		}
	}
	return why
}

// decide weighs a trace with the given reasons and randomness (unless its state carries rv). One of the floor is kept
// whatever the shares are.
func (e *evidence) decide(why reasons, floor bool, random uint64, s shares) verdict {
	head := uint64(0) // the SDK's own threshold
	if e.state.hasTh {
		head = e.state.th
	}
	if floor {
		name := keptFloor
		if why != 0 {
			name = why.name()
		}
		return verdict{keep: true, because: name, why: why, probability: probability(head)}
	}
	if e.state.hasRv {
		random = e.state.rv
	}
	share, unlimited := s.plain, s.cap
	if why != 0 {
		share, unlimited = s.reason, 1
	}
	own := threshold(share)
	if random < own {
		v := verdict{why: why, because: droppedBudget}
		if random < threshold(unlimited) {
			v.because = droppedRandom
		}
		return v
	}
	v := verdict{keep: true, because: why.name(), why: why, threshold: max(head, own)}
	v.probability = probability(v.threshold)
	if own == 0 && why != 0 {
		v.threshold = 0 // not chosen by its randomness: the state stays as it is
	}
	return v
}
