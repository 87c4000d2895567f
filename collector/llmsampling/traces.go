package llmsampling

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// traceState is what is known of a trace: its evidence until it is decided, the verdict after.
type traceState struct {
	evidence
	decided bool
	verdict verdict
}

// traceTable remembers traces: the undecided ones, which are as many as the held batches have, and the newest limit
// decisions. It is not safe for concurrent use.
type traceTable struct {
	rules   *rules
	states  map[pcommon.TraceID]*traceState
	decided []pcommon.TraceID // a ring of decisions, oldest at next
	next    int
	limit   int
}

func newTraceTable(r *rules, limit int) *traceTable {
	return &traceTable{rules: r, states: map[pcommon.TraceID]*traceState{}, limit: limit}
}

// observe adds evidence. A trace that was dropped is kept from now on if the evidence is a reason of its own.
func (t *traceTable) observe(id pcommon.TraceID, e *evidence) *traceState {
	s, ok := t.states[id]
	if !ok {
		s = &traceState{}
		t.states[id] = s
	}
	s.add(e)
	if s.decided && !s.verdict.keep {
		s.verdict = t.rules.decide(&s.evidence, randomness(id))
	}
	return s
}

// verdict decides a trace, once.
func (t *traceTable) verdict(id pcommon.TraceID) verdict {
	s, ok := t.states[id]
	if !ok { // forgotten since: its randomness alone decides, as it does everywhere
		return t.rules.decide(&evidence{}, randomness(id))
	}
	if !s.decided {
		s.decided = true
		s.verdict = t.rules.decide(&s.evidence, randomness(id))
		t.remember(id)
	}
	return s.verdict
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
