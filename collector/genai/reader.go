package genai

import (
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/collector/genai/inplace"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// Outcome is what a span turned out to be.
type Outcome uint8

// The outcomes of Read.
const (
	NotModel  Outcome = iota // nothing about a model
	NotCall                  // about a model, but no request to one: a tool, a retrieval
	Aggregate                // contains or repeats calls; filled, with its role, if it carries usage
	Call                     // one request to a model; the call was filled
	NumOutcomes
)

// String names the outcome as the metrics do.
func (o Outcome) String() string {
	return [NumOutcomes]string{"other", "not_call", "aggregate", "call"}[o]
}

// Reader reads spans. It is not safe for concurrent use; keep one per goroutine (they are cheap to pool).
type Reader struct {
	rules  *Rules
	scopes map[scopeKey]*Scope
	hosts  map[string]host
	origin Origin
	told   Told

	reserved bool // of the last span

	// What was found last: most spans of a request say the same.
	provider string // by the conventions' name
	marker   field
	word     string // of the marker, if it is the conventions' name of an operation
	meaning  meaning
	host     host
	layout   layout
}

type scopeKey struct{ name, version string }

// maxScopes bounds the memory of the names of scopes and hosts seen, which are up to the senders.
const maxScopes = 1024

// NewReader returns a reader by the rules.
func NewReader(rules *Rules) *Reader {
	return &Reader{rules: rules, scopes: map[scopeKey]*Scope{}, hosts: map[string]host{}, layout: newLayout()}
}

// Scope is what is known of an instrumentation scope before its spans are read.
type Scope struct {
	emitter string
	rules   []*rule
	names   []string // of spans, that some of the rules look for
	lengths uint64   // of those, as bits; of 63 and more the last
	last    decided
	models  int // spans about a model, up to onlyModels; below 0 once there was another
}

// onlyModels is after how many spans about models a scope counts as one that writes no others.
const onlyModels = 8

// OnlyModels reports whether all spans of the scope so far were about models, and there were some. Read tells the others too; for
// them it takes longer than Mentions.
func (sc *Scope) OnlyModels() bool { return sc.models >= onlyModels }

// Saw takes note of spans of the scope, others of which weren't about a model.
func (sc *Scope) Saw(spans, others int) {
	switch {
	case others > 0:
		sc.models = -1
	case sc.models >= 0:
		sc.models = min(sc.models+spans, onlyModels)
	}
}

// Scope prepares the reading of a scope's spans.
func (r *Reader) Scope(s pcommon.InstrumentationScope) *Scope {
	k := scopeKey{s.Name(), s.Version()}
	if sc, ok := r.scopes[k]; ok {
		return sc
	}
	k = scopeKey{strings.Clone(k.name), strings.Clone(k.version)}
	sc := &Scope{emitter: k.name}
	if k.version != "" {
		sc.emitter += "@" + k.version
	}
	sc.emitter = ledger.CleanText(sc.emitter)
	for i := range r.rules.rules {
		if rl := &r.rules.rules[i]; rl.matchesScope(k.name, k.version) {
			sc.rules = append(sc.rules, rl)
			sc.names = append(sc.names, rl.spans...)
			for _, name := range rl.spans {
				sc.lengths |= 1 << min(len(name), 63)
			}
		}
	}
	if len(r.scopes) < maxScopes {
		r.scopes[k] = sc
	}
	return sc
}

// initials are the first letters of the keys that Mentions looks for (their lowest five bits), so that most keys are passed
// over by one test.
const initials uint32 = 1<<('g'&31) | 1<<('l'&31) | 1<<('a'&31) | 1<<('o'&31) | 1<<('t'&31)

// Mentions looks at the attributes' keys only: whether any belongs to a model's span, and if none does, whether any is one that only
// Tollkeeper may set (of a model's span Read says it). It is what every span costs that has nothing to do with a model.
func Mentions(attrs pcommon.Map) (model, reserved bool) {
	list := inplace.Of(attrs)
	for i := range list {
		k := list[i].Key
		if len(k) < 8 || initials>>(k[0]&31)&1 == 0 {
			continue
		}
		switch k[0] {
		case 'g':
			model = k[:4] == "gen_"
		case 'l':
			model = k[:4] == "llm." || k[:4] == "lang" || k[:4] == "lite"
		case 'a':
			model = k[:3] == "ai."
		case 'o':
			model = k[:4] == "open" || k[:4] == "oper"
		case 't':
			model = k[:4] == "trac"
			reserved = reserved || strings.HasPrefix(k, ledger.AttrPrefix)
		}
		if model {
			return true, false
		}
	}
	return false, reserved
}

// Read fills c with the call that the span tells of, and says what the span is; c is set for Call, and for an Aggregate that
// carries usage: c.Role is RoleAggregate then, else RoleLeaf. The caller sets tenant, receipt and price. Texts in c share the
// span's memory: encode the call before the span goes on.
func (r *Reader) Read(span ptrace.Span, res *Resource, sc *Scope, c *ledger.Call) Outcome {
	attrs := span.Attributes()
	onStack := scratch{layout: &r.layout, attrs: attrs, list: inplace.Of(attrs)} // where the garbage collector needn't hear of what is written
	s := &onStack
	s.follow(s.list)
	r.reserved = s.ours
	if span.Name() == rawRequest {
		s.collectRaw(attrs)
	}
	if s.fields&modelFields == 0 {
		return NotModel
	}
	*c = ledger.Call{}
	what, operation := r.remembered(s)
	switch {
	case what == kindOther:
		return NotCall
	case what == kindUnknown && s.fields&usageFields == 0:
		if s.fields&aggregatedFields == 0 {
			return NotCall
		}
		what = kindAggregate
	}
	provider := r.providerOf(s)
	rl := r.ruleOf(sc, span.Name(), &s.present, provider, operation)
	if rl.none {
		return NotCall
	}
	if what == kindAggregate || rl.aggregate {
		if !s.aggregate() {
			return Aggregate
		}
		r.fill(span, s, res, sc, rl, provider, AgentOperation, c)
		c.Role = ledger.RoleAggregate
		c.Flags = c.Flags&^ledger.FlagUniqueID | ledger.FlagCandidate | ledger.FlagUnseenLeaf
		if c.Usage.Zero() {
			*c = ledger.Call{} // zeros, or nothing that can be read: its calls tell it, or nobody does
		}
		return Aggregate
	}
	r.fill(span, s, res, sc, rl, provider, operation, c)
	return Call
}

// Told says what of a call its span tells under the keys of OpenTelemetry's conventions, so that nobody needs to be told again:
// the model that answered (gen_ai.response.model) and the agent (gen_ai.agent.name), each as a text equal to what was read.
type Told struct{ Model, Agent bool }

// Told is of the last call that Read filled in.
func (r *Reader) Told() Told { return r.told }

// Reserved reports whether the span that was last read has attributes that only Tollkeeper may set. They are not read.
func (r *Reader) Reserved() bool { return r.reserved }

// AgentOperation is the operation of what an agent, a workflow or a framework's root span used.
const AgentOperation = "agent"

// aggregate reports whether a span that contains calls carries usage; of two accounts it is the run's own that is read.
func (s *scratch) aggregate() bool {
	for _, f := range [...]struct{ from, to field }{
		{fAggregated, fInput}, {fAggregatedOutput, fOutput}, {fAggregatedCacheRead, fCacheRead}, {fAggregatedCacheWrite, fCacheWrite},
	} {
		if s.has(f.from) {
			s.set(f.to, s.at[f.from])
		}
	}
	return s.fields&(1<<fInput|1<<fOutput|1<<fUsageDetails) != 0
}

// fill sets all that the span tells of a call.
func (r *Reader) fill(span ptrace.Span, s *scratch, res *Resource, sc *Scope, rl *rule, provider, operation string, c *ledger.Call) {
	c.Operation = operation
	r.identify(span, c)
	r.result(span, s, c)
	if provider == "" {
		provider = rl.provider
	}
	c.Provider, c.Emitter, c.Rule, c.Rank = provider, sc.emitter, rl.id, rl.rank
	r.place(s, rl, c)
	c.RequestModel = s.text(fRequestModel)
	c.Model = answeringModel(s, c.RequestModel)
	r.told = Told{Model: s.said(keyResponseModel), Agent: s.said(keyAgent)}
	if rl.modelsCut {
		r.told.Model = false
		r.restoreModel(c)
	}
	switch id := s.text(fResponseID); {
	case id != "":
		c.ResponseID = hashID(id)
		if rl.uniqueIDs {
			c.Flags |= ledger.FlagUniqueID
		}
	case rl.idsInAnswer:
		if id := answerID(s.text(fAnswer)); id != "" {
			c.ResponseID = hashID(id)
			c.Flags |= ledger.FlagUniqueID
		}
	}
	res.describe(s, c)
	readDetails(s, rl, c)
	if c.ServiceTier == "batch" {
		c.Kind = "batch" // answers of a batch tell it as their tier (Anthropic)
	}
	readUsage(s, rl, c)
	readCost(s, c)
}

// answeringModel is the model that answered, as far as the span tells: a gateway's own name for a model ("cheap") is only what
// was asked for.
func answeringModel(s *scratch, asked string) string {
	if m := s.text(fResponseModel); m != "" {
		return m
	}
	if m := s.text(fProviderModel); m != "" {
		if _, name, ok := strings.Cut(m, "/"); ok {
			return name
		}
		return m
	}
	return asked
}

// restoreModel puts back what OpenLLMetry cuts off Bedrock's model ids: everything before the first dot. Of an id without a region
// that is the vendor, which the model's name tells. Of one with a region ("us.", "global.") the region is gone, and the price may
// depend on it: the answering model is then "*." and the rest, which no price book knows, so the price is the one of the rest, and
// the call is flagged.
func (r *Reader) restoreModel(c *ledger.Call) {
	vendor, _, ok := strings.Cut(c.Model, ".")
	if _, known := r.rules.vendorNames[vendor]; ok && known {
		c.RequestModel = c.Model
		c.Model = "*." + c.Model
		return
	}
	family := c.Model
	if end := strings.IndexAny(family, "-0123456789"); end > 0 {
		family = family[:end]
	}
	if vendor, ok := r.rules.vendors[family]; ok {
		c.Model = vendor + "." + c.Model
		c.RequestModel = c.Model
	}
}

// decided is a rule and what it was found by. The texts live as long as the table of rules.
type decided struct {
	present             keySet
	provider, operation string
	rule                *rule
}

// rule is the first that matches; the last of the table always does.
func (sc *Scope) rule(name string, present *keySet, provider, operation string) *rule {
	for _, rl := range sc.rules {
		if rl.matchesSpan(name, present, provider, operation) {
			return rl
		}
	}
	return sc.rules[len(sc.rules)-1]
}

// ruleOf is Scope.rule, which need not be looked for if the last span of the scope told the same.
func (r *Reader) ruleOf(sc *Scope, name string, present *keySet, provider, operation string) *rule {
	if sc.lengths>>min(len(name), 63)&1 != 0 && slices.Contains(sc.names, name) {
		return sc.rule(name, present, provider, operation)
	}
	if l := &sc.last; l.rule != nil && l.present == *present && l.provider == provider && l.operation == operation {
		return l.rule
	}
	rl := sc.rule(name, present, provider, operation)
	if provider == r.provider && operation == r.meaning.operation {
		sc.last = decided{*present, r.provider, r.meaning.operation, rl}
	}
	return rl
}

// identify sets what the span itself says: ids and times.
func (r *Reader) identify(span ptrace.Span, c *ledger.Call) {
	c.TraceID, c.SpanID, c.ParentSpanID = span.TraceID(), span.SpanID(), span.ParentSpanID()
	if span.TraceID().IsEmpty() || span.SpanID().IsEmpty() {
		c.Flags |= ledger.FlagMissingIDs
	}
	start, end := span.StartTimestamp(), span.EndTimestamp()
	c.Start = int64(start)
	if end > start && int64(end-start) > 0 {
		c.Duration = int64(end - start)
	}
	if headSampled(span.TraceState().AsRaw()) {
		c.Flags |= ledger.FlagSampledHead
	}
}

// headSampled reports whether the SDK says that it kept only a part of its traces: the OpenTelemetry entry of the trace
// state holds a rejection threshold above zero (OTel specification, "TraceState: probability sampling").
func headSampled(state string) bool {
	if state == "" {
		return false
	}
	for entry := range strings.SplitSeq(state, ",") {
		rest, ok := strings.CutPrefix(strings.TrimSpace(entry), "ot=")
		if !ok {
			continue
		}
		for part := range strings.SplitSeq(rest, ";") {
			if th, ok := strings.CutPrefix(part, "th:"); ok {
				return strings.Trim(th, "0") != ""
			}
		}
	}
	return false
}
