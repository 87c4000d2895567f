package inplace

import (
	"encoding/binary"
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// Tags of an attribute's fields (opentelemetry/proto/common/v1/common.proto).
const (
	pairKey   = 1<<3 | byLength
	pairValue = 2<<3 | byLength

	valueText   = 1<<3 | byLength
	valueBool   = 2<<3 | byVarint
	valueInt    = 3<<3 | byVarint
	valueDouble = 4<<3 | byEight
	valueList   = 5<<3 | byLength
	valueBytes  = 7<<3 | byLength
	listValues  = 1<<3 | byLength
)

// appendTo appends an attribute as the field with this tag. It declines maps, lists of lists or of nothing, and what only profiles may have.
func (p *Pair) appendTo(b []byte, tag byte, of pcommon.Map) ([]byte, bool) {
	if p.index != 0 {
		return b, false
	}
	switch key := p.Key; p.value.kind {
	case textKind:
		return appendTextPair(b, tag, key, *(*string)(p.value.at)), true
	case intKind:
		n := *(*uint64)(p.value.at)
		return binary.AppendUvarint(append(appendPair(b, tag, key, 1+varint(n)), valueInt), n), true
	case doubleKind:
		return binary.LittleEndian.AppendUint64(append(appendPair(b, tag, key, 9), valueDouble), *(*uint64)(p.value.at)), true
	case nil:
		return appendPair(b, tag, key, 0), true
	default:
		return appendOther(b, tag, key, p.Value(of))
	}
}

// appendTextPair appends an attribute whose value is a text; most are so short that each of its lengths takes one byte.
func appendTextPair(b []byte, tag byte, key, text string) []byte {
	k, n := len(key), len(text)
	if k == 0 || k+n >= short-6 {
		return append(binary.AppendUvarint(append(appendPair(b, tag, key, Field(n)), valueText), uint64(n)), text...)
	}
	at := len(b)
	b = slices.Grow(b, k+n+8)[:at+k+n+8]
	out := b[at:]
	out[0], out[1], out[2], out[3] = tag, byte(k+n+6), pairKey, byte(k)
	copy(out[4:], key)
	out = out[4+k:]
	out[0], out[1], out[2], out[3] = pairValue, byte(n+2), valueText, byte(n)
	copy(out[4:], text)
	return b
}

// appendPair appends all of an attribute but its value, which takes n bytes.
func appendPair(b []byte, tag byte, key string, n int) []byte {
	k := len(key)
	if k == 0 || k+n >= short-4 {
		b = binary.AppendUvarint(append(b, tag), uint64(textSize(key)+Field(n)))
		return binary.AppendUvarint(append(appendText(b, pairKey, key), pairValue), uint64(n))
	}
	b = append(append(b, tag, byte(k+n+4), pairKey, byte(k)), key...)
	return append(b, pairValue, byte(n))
}

// appendOther appends an attribute whose value is a bool, bytes or a list of simple values.
func appendOther(b []byte, tag byte, key string, v pcommon.Value) ([]byte, bool) {
	if v.Type() != pcommon.ValueTypeSlice {
		if !simple(v) {
			return b, false
		}
		return appendSimple(appendPair(b, tag, key, sizeOf(v)), v), true
	}
	inside := 0
	for _, of := range v.Slice().All() {
		if !simple(of) {
			return b, false
		}
		inside += Field(sizeOf(of))
	}
	b = binary.AppendUvarint(append(appendPair(b, tag, key, Field(inside)), valueList), uint64(inside))
	for _, of := range v.Slice().All() {
		b = appendSimple(binary.AppendUvarint(append(b, listValues), uint64(sizeOf(of))), of)
	}
	return b, true
}

// simple reports whether a value is there, as far as pdata's functions know of it, and has no others within.
func simple(v pcommon.Value) bool {
	switch v.Type() {
	case pcommon.ValueTypeSlice, pcommon.ValueTypeMap, pcommon.ValueTypeEmpty:
		return false
	}
	return true
}

// appendSimple appends such a value.
func appendSimple(b []byte, v pcommon.Value) []byte {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return append(binary.AppendUvarint(append(b, valueText), uint64(len(v.Str()))), v.Str()...)
	case pcommon.ValueTypeInt:
		return binary.AppendUvarint(append(b, valueInt), uint64(v.Int()))
	case pcommon.ValueTypeDouble:
		return appendDouble(b, valueDouble, v.Double())
	case pcommon.ValueTypeBool:
		if v.Bool() {
			return append(b, valueBool, 1)
		}
		return append(b, valueBool, 0)
	case pcommon.ValueTypeBytes:
		bytes := v.Bytes().AsRaw()
		return append(binary.AppendUvarint(append(b, valueBytes), uint64(len(bytes))), bytes...)
	}
	return b
}
