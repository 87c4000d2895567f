package llmsampling

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// traceState is what is known of a trace: its evidence until it is decided, the verdict after.
type traceState struct {
	evidence
	id      pcommon.TraceID
	tenant  *tenantState
	floor   bool
	asked   asked
	decided bool
	verdict verdict

	cost, duration place // where its tenant's windows count it, once decided
}

// traceTable remembers traces: the undecided ones, which are as many as the held batches have, and the newest limit
// decisions. It is not safe for concurrent use.
type traceTable struct {
	rules   *rules
	tenants *tenantTable
	floor   int // traces a minute and tenant
	states  map[pcommon.TraceID]*traceState
	decided []pcommon.TraceID // a ring of decisions, oldest at next
	next    int
	limit   int
	forgets bool // everything: all are kept
}

func newTraceTable(r *rules, cfg Config) *traceTable {
	return &traceTable{rules: r, tenants: newTenantTable(cfg.MaxTenants), floor: cfg.FloorPerMinute,
		states: map[pcommon.TraceID]*traceState{}, limit: cfg.MaxDecisions, forgets: cfg.keepsAll()}
}

// observe adds what a batch says of a trace, and tells on what grounds its spans ask to be kept. A trace that was dropped is
// decided again when a reason comes that it didn't have.
func (t *traceTable) observe(id pcommon.TraceID, e *sighting, now int64, s shares) (*traceState, claim) {
	state, ok := t.states[id]
	if !ok {
		of := t.tenants.get(e.tenant, now)
		state = &traceState{id: id, tenant: of, floor: of.takeFloor(now, t.floor)}
		if !t.forgets {
			t.states[id] = state
		}
	}
	state.add(&e.evidence)
	for _, pair := range e.pairs {
		if state.tenant.first(now, pair) {
			state.reasons |= becauseFirst
		}
	}
	why := t.rules.weigh(&state.evidence, state.tenant, now)
	if state.decided {
		t.count(state, now)
		if !state.verdict.keep && why&^state.verdict.why != 0 {
			state.verdict = state.decide(why, state.floor, randomness(id), s)
		}
	}
	if !state.decided { // as it would be now
		state.verdict = state.evidence.decide(why, state.floor, randomness(id), s)
	}
	e.likely = state.verdict.keep
	switch {
	case state.decided && !state.verdict.keep:
		return state, claimNone
	case state.decided || state.floor:
		return state, claimFirm
	case why != 0:
		return state, claimReason
	}
	return state, claimPlain
}

// count puts the trace into its tenant's windows, or raises it there.
func (t *traceTable) count(s *traceState, now int64) {
	if units := s.units(); units > 0 && t.rules.unusualCost {
		s.cost = s.tenant.cost.raise(now, s.cost, units)
	}
	if s.evidence.duration > 0 && t.rules.unusualDuration {
		s.duration = s.tenant.duration.raise(now, s.duration, s.evidence.duration)
	}
}

// decide decides a trace, once. What is held of it follows that, also when it is forgotten since.
func (t *traceTable) decide(state *traceState, now int64, s shares) {
	if state.decided {
		return
	}
	why := t.rules.weigh(&state.evidence, state.tenant, now)
	state.decided, state.asked = true, asked{}
	state.verdict = state.evidence.decide(why, state.floor, randomness(state.id), s)
	t.count(state, now)
	if !t.forgets {
		t.remember(state.id)
	}
}

// remember takes the place of the oldest decision once there are limit.
func (t *traceTable) remember(id pcommon.TraceID) {
	if len(t.decided) < t.limit {
		t.decided = append(t.decided, id)
		return
	}
	delete(t.states, t.decided[t.next])
	t.decided[t.next] = id
	t.next = (t.next + 1) % t.limit
}
