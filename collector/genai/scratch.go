package genai

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tollkeeper/tollkeeper/collector/genai/inplace"
)

// scratch is one span's attributes while it is read.
type scratch struct {
	*layout
	attrs   pcommon.Map
	list    []inplace.Pair  // of attrs
	more    []pcommon.Value // what no attribute of its own says; its places follow those of list
	refused bool            // the request failed, and the provider did nothing for it
}

// value is what a field has.
func (s *scratch) value(f field) pcommon.Value {
	if at := int(s.at[f]); at < len(s.list) {
		return s.list[at].Value(s.attrs)
	}
	return s.more[int(s.at[f])-len(s.list)]
}

// add sets a field to what no attribute of its own says.
func (s *scratch) add(f field, v pcommon.Value) {
	s.set(f, int32(len(s.list)+len(s.more)))
	s.more = append(s.more, v)
}

// said reports whether a field's value is the text under that key.
func (s *scratch) said(k key) bool {
	f := keys[k].field
	if !s.has(f) || s.best[f] != k {
		return false
	}
	_, ok := s.list[s.at[f]].Text(s.attrs)
	return ok
}

// text returns a field's text, or empty.
func (s *scratch) text(f field) string {
	if !s.has(f) { // apart, so that it is inlined
		return ""
	}
	return s.written(f)
}

// written is the text of a field that has a value.
func (s *scratch) written(f field) string {
	if at := int(s.at[f]); at < len(s.list) {
		if t, ok := s.list[at].Text(s.attrs); ok {
			return t
		}
	}
	return text(s.value(f))
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
