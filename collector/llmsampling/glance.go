package llmsampling

import (
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/collector/genai/inplace"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// glance is what one look at a span's attributes finds. Every span is looked at once; what the look finds nothing for isn't
// looked for again.
type glance struct {
	tenant, cost, flags, model, agent string
	saidModel, saidAgent              string // by the span itself, where llmcost says it of its call only if it differs
	unpriced, marked                  bool
	decided                           bool // it was kept by a sampler before, and says so

	content bool // there may be content to take off
	long    bool // a value may be longer than the limit
	odd     bool // size isn't known: the span has events, links or values of values
	size    int  // in bytes as OTLP, but for a few
}

const (
	spanBytes      = 65 // of a span without texts: ids, times, kind, status
	attributeBytes = 8  // of an attribute beside its key and value
	wholeBytes     = 1  // of a whole number: one is below 16,384, as a rule
	listedBytes    = 4  // of a value in a list beside itself
	markBytes      = 90
)

func (r *rules) look(span ptrace.Span, content *contentMatcher, limit int) glance {
	g := glance{size: spanBytes + len(span.Name()) + len(span.TraceState().AsRaw())}
	if message := span.Status().Message(); message != "" {
		g.content, g.size, g.long = true, g.size+len(message), len(message) > limit
	}
	if span.Events().Len()+span.Links().Len() > 0 {
		g.content, g.long, g.odd = true, true, true
	}
	attrs := span.Attributes()
	list := inplace.Of(attrs)
	for i := range list {
		p := &list[i]
		key := p.Key
		g.size += attributeBytes + len(key)
		text, ok := p.Text(attrs)
		if !ok {
			g.value(p.Value(attrs), limit)
		} else {
			g.size += len(text)
			g.long = g.long || len(text) > limit
		}
		if len(key) > len(ledger.AttrPrefix) && key[:len(ledger.AttrPrefix)] == ledger.AttrPrefix {
			g.tag(key, text)
			continue
		}
		if ok {
			switch key {
			case saidModel:
				g.saidModel = text
			case saidAgent:
				g.saidAgent = text
			}
		}
		if !g.content && content.may(key) && content.match(key) {
			g.content = true
		}
		if !g.marked && len(r.marks) > 0 && slices.Contains(r.marks, key) && marked(p.Value(attrs)) {
			g.marked = true
		}
	}
	return g
}

// value looks at what is no text.
func (g *glance) value(v pcommon.Value, limit int) {
	switch v.Type() {
	case pcommon.ValueTypeDouble:
		g.size += 8
	case pcommon.ValueTypeInt:
		g.size += wholeBytes
	case pcommon.ValueTypeBool:
	case pcommon.ValueTypeSlice:
		g.list(v.Slice(), limit)
	default:
		g.long, g.odd = true, true
	}
}

// list looks at a list of texts and numbers, such as finish reasons. Written as text, as a long one is to be cut, it can take six
// bytes for each of its own.
func (g *glance) list(values pcommon.Slice, limit int) {
	n := 0
	for _, v := range values.All() {
		switch v.Type() {
		case pcommon.ValueTypeStr:
			n += listedBytes + len(v.Str())
		case pcommon.ValueTypeInt, pcommon.ValueTypeDouble, pcommon.ValueTypeBool:
			n += listedBytes + 8
		default:
			g.long, g.odd = true, true
			return
		}
	}
	g.size += n
	g.long = g.long || 6*n+2 > limit
}

// tag reads a tag of llmcost, or a mark of a sampler. It is no content, and nobody asks for keeping by one.
func (g *glance) tag(key, text string) {
	switch key {
	case attrTenant:
		g.tenant = text
	case attrCost:
		g.cost = text
	case attrUnpriced:
		g.unpriced = text != ""
	case attrFlags:
		g.flags = text
	case attrModel:
		g.model = text
	case attrAgent:
		g.agent = text
	case AttrKept, AttrProbability:
		g.decided = true
	}
}
