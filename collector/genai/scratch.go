package genai

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tollkeeper/tollkeeper/collector/genai/inplace"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// scratch holds one span's attributes while it is read.
type scratch struct {
	present keySet
	fields  uint64 // bit set of fields that have a value
	best    [numFields]key
	value   [numFields]pcommon.Value
	refused bool // the request failed, and the provider did nothing for it
	ours    bool // an attribute has a name that only Tollkeeper may set
}

func (s *scratch) has(f field) bool { return s.fields&(1<<f) != 0 }

// said reports whether a field's value is the text under that key.
func (s *scratch) said(k key) bool {
	f := keys[k].field
	return s.has(f) && s.best[f] == k && s.value[f].Type() == pcommon.ValueTypeStr
}

// text returns a field's text, or empty.
func (s *scratch) text(f field) string {
	if !s.has(f) {
		return ""
	}
	return text(s.value[f])
}

func text(v pcommon.Value) string {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return v.Str()
	case pcommon.ValueTypeInt, pcommon.ValueTypeBool, pcommon.ValueTypeDouble:
		return v.AsString()
	case pcommon.ValueTypeSlice:
		if s := v.Slice(); s.Len() > 0 {
			return text(s.At(0))
		}
	}
	return ""
}

const (
	usageFields uint64 = 1<<fInput | 1<<fOutput | 1<<fTotal | 1<<fCacheRead | 1<<fCacheWrite | 1<<fReasoning | 1<<fAudioInput |
		1<<fAudioOutput | 1<<fCost | 1<<fUsageDetails | 1<<fImages | 1<<fSeconds | 1<<fPages
	markerFields = 1<<fOperation | 1<<fRequestType | 1<<fOpenInferenceKind | 1<<fTraceloopKind | 1<<fVercelOperation |
		1<<fLangfuseType
	aggregatedFields = 1<<fAggregated | 1<<fAggregatedOutput
	modelFields      = usageFields | markerFields | aggregatedFields
)

// collect goes once over the attributes and keeps, of each field, the value under the key that comes first in the table. An
// empty text is what some emitters write for nothing, so it counts as absent. Spans of one emitter have the same keys in the same
// places, as a rule: order says which were where in the last span.
func (s *scratch) collect(attrs pcommon.Map, order *keyOrder) {
	list := inplace.Of(attrs)
	for i := range list {
		p := &list[i]
		at := i % len(order)
		k := order[at]
		if keys[k].name != p.Key {
			if k = keyOf(p.Key); k == noKey {
				s.ours = s.ours || strings.HasPrefix(p.Key, ledger.AttrPrefix)
				continue
			}
			order[at] = k
		}
		if p.Empty() {
			continue
		}
		f := keys[k].field
		s.present.add(k)
		if !s.has(f) || k < s.best[f] {
			s.fields |= 1 << f
			s.best[f], s.value[f] = k, p.Value(attrs)
		}
	}
}

// keyOrder are the keys that were read last at the first places of a span.
type keyOrder [64]key
