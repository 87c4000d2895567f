package genai

import (
	"math/bits"
	"strings"
)

// markers are the fields that say what a span is, the most telling first.
var markers = [...]field{fOperation, fOpenInferenceKind, fVercelOperation, fTraceloopKind, fRequestType, fLangfuseType}

// kindOf reads what the span says it is. One marker that says aggregate or other outweighs those that say leaf.
func (r *Rules) kindOf(s *scratch) (what kind, operation string) {
	if s.fields&markerFields == 0 {
		return kindUnknown, ""
	}
	for _, f := range markers {
		if !s.has(f) {
			continue
		}
		switch m := r.kinds[f][s.text(f)]; {
		case m.kind == kindAggregate || m.kind == kindOther:
			return m.kind, ""
		case m.kind == kindLeaf && what == kindUnknown:
			what, operation = m.kind, m.operation
		}
	}
	return what, operation
}

// remembered is kindOf, which for one marker need not be looked up if it says the same as that of the last span.
func (r *Reader) remembered(s *scratch) (kind, string) {
	if marked := s.fields & markerFields; marked != 0 && marked == 1<<r.marker && s.text(r.marker) == r.word {
		return r.meaning.kind, r.meaning.operation
	}
	what, operation := r.rules.kindOf(s)
	if marked := s.fields & markerFields; bits.OnesCount64(marked) == 1 {
		// The operation's own name lives as long as the rules, the span's text doesn't.
		if f := field(bits.TrailingZeros64(marked)); operation != "" && s.text(f) == operation {
			r.marker, r.word, r.meaning = f, operation, meaning{what, operation}
		}
	}
	return what, operation
}

// providerOf is Rules.provider, remembered.
func (r *Reader) providerOf(s *scratch) string {
	if r.provider != "" && s.text(fProvider) == r.provider {
		return r.provider
	}
	name := r.rules.provider(s)
	if known, ok := r.rules.providers[name]; ok && known == name {
		r.provider = known // whose text is the rules', not the span's
	}
	return name
}

// provider is the conventions' name of the provider that a span names, if any: by itself, or before the model's name
// ("openai/gpt-4o"), if that is a provider's name.
func (r *Rules) provider(s *scratch) string {
	name := s.text(fProvider)
	if known, ok := r.providers[name]; ok {
		return known
	}
	if name == "" && s.has(fProviderModel) {
		before, _, _ := strings.Cut(s.text(fProviderModel), "/")
		return r.providers[before]
	}
	return name
}
