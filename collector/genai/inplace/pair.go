package inplace

import (
	"unsafe"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// Pair is an attribute, as pdata's internal.KeyValue.
type Pair struct {
	value value
	Key   string
	index int32 // of the key among a profile's texts, which spans don't have
}

// value is an interface, as internal.AnyValue: what kind of value it holds (nil for none) and where that lies.
type value struct{ kind, at unsafe.Pointer }

// attributes is a pcommon.Map, reference a pcommon.Value.
type (
	attributes struct {
		list  *[]Pair
		state unsafe.Pointer
	}
	reference struct {
		value *value
		state unsafe.Pointer
	}
)

// known says that pdata keeps attributes as this package does.
var known = layoutKnown()

// kinds of the values that are looked at and put.
var textKind, intKind, doubleKind = kindOf(pcommon.NewValueStr("")), kindOf(pcommon.NewValueInt(0)), kindOf(pcommon.NewValueDouble(0))

func kindOf(v pcommon.Value) unsafe.Pointer {
	if !known {
		return nil
	}
	return (*reference)(unsafe.Pointer(&v)).value.kind
}

// Of are the attributes of a map, in their place: they are to be read only, and only until the map changes.
func Of(m pcommon.Map) []Pair {
	if !known {
		return copied(m)
	}
	return *(*attributes)(unsafe.Pointer(&m)).list
}

// foreign is the kind of a value that is kept as a pcommon.Value, since pdata's own form isn't known.
var foreign = unsafe.Pointer(new(byte))

func copied(m pcommon.Map) []Pair {
	out := make([]Pair, 0, m.Len())
	for k, v := range m.All() {
		out = append(out, Pair{value: value{foreign, unsafe.Pointer(&v)}, Key: k})
	}
	return out
}

// Value is the value of an attribute of m.
func (p *Pair) Value(m pcommon.Map) (v pcommon.Value) {
	if p.value.kind == foreign {
		return *(*pcommon.Value)(p.value.at)
	}
	*(*reference)(unsafe.Pointer(&v)) = reference{&p.value, (*attributes)(unsafe.Pointer(&m)).state}
	return v
}

// Text is the value, if it is a text. The map is the one that the attribute is of.
func (p *Pair) Text(of pcommon.Map) (text string, ok bool) {
	switch p.value.kind {
	case textKind:
		return *(*string)(p.value.at), true
	case foreign:
		if v := p.Value(of); v.Type() == pcommon.ValueTypeStr {
			return v.Str(), true
		}
	}
	return "", false
}

// Int is the value, if it is a whole number. The map is the one that the attribute is of.
func (p *Pair) Int(of pcommon.Map) (n int64, ok bool) {
	switch p.value.kind {
	case intKind:
		return *(*int64)(p.value.at), true
	case foreign:
		if v := p.Value(of); v.Type() == pcommon.ValueTypeInt {
			return v.Int(), true
		}
	}
	return 0, false
}

// Empty reports whether the value is none, or a text without a character.
func (p *Pair) Empty() bool {
	switch p.value.kind {
	case nil:
		return true
	case textKind:
		return *(*string)(p.value.at) == ""
	case foreign:
		v := *(*pcommon.Value)(p.value.at)
		return v.Type() == pcommon.ValueTypeEmpty || (v.Type() == pcommon.ValueTypeStr && v.Str() == "")
	}
	return false
}
