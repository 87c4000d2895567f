package inplace

import (
	"math"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/xpdata"
)

// Appender appends attributes that the map doesn't have: nobody looks whether it does. Until Done nobody else may change the map.
type Appender struct {
	m              pcommon.Map
	list           []Pair
	room           *room
	texts, numbers int // taken of the room
	digits         bool
}

// room is where the values of some attributes lie together.
type room struct {
	texts   [4]string
	numbers [6]uint64
	digits  [24]byte
}

// Append begins to append n attributes to m. It panics where m must not be changed, as pdata does.
func Append(m pcommon.Map, n int) (a Appender) {
	m.EnsureCapacity(m.Len() + n)
	a.m = m
	if known {
		a.list, a.room = *(*attributes)(unsafe.Pointer(&m)).list, new(room)
	}
	return a
}

// Str appends a text.
func (a *Appender) Str(key, text string) {
	if a.room == nil {
		a.m.PutStr(key, text)
		return
	}
	if a.texts == len(a.room.texts) {
		a.more()
	}
	at := &a.room.texts[a.texts]
	a.texts++
	*at = text
	a.list = append(a.list, Pair{value: value{textKind, unsafe.Pointer(at)}, Key: key})
}

// Bytes appends a copy of a text: the first of at most 24 bytes lies beside the numbers.
func (a *Appender) Bytes(key string, text []byte) {
	if a.room == nil || a.digits || len(text) > len(a.room.digits) || len(text) == 0 {
		a.Str(key, string(text))
		return
	}
	a.digits = true
	n := copy(a.room.digits[:], text)
	a.Str(key, unsafe.String(&a.room.digits[0], n))
}

// Int appends a whole number.
func (a *Appender) Int(key string, n int64) {
	if a.room == nil {
		a.m.PutInt(key, n)
		return
	}
	a.number(intKind, key, uint64(n))
}

// Double appends a number that need not be whole.
func (a *Appender) Double(key string, d float64) {
	if a.room == nil {
		a.m.PutDouble(key, d)
		return
	}
	a.number(doubleKind, key, math.Float64bits(d))
}

// number appends the 64 bits of a number.
func (a *Appender) number(kind unsafe.Pointer, key string, bits uint64) {
	if a.numbers == len(a.room.numbers) {
		a.more()
	}
	at := &a.room.numbers[a.numbers]
	a.numbers++
	*at = bits
	a.list = append(a.list, Pair{value: value{kind, unsafe.Pointer(at)}, Key: key})
}

// more makes room; what is in the other stays there.
func (a *Appender) more() { a.room, a.texts, a.numbers, a.digits = new(room), 0, 0, false }

// Done ends it. Until then the map is as it was.
func (a *Appender) Done() {
	if a.room != nil {
		*(*attributes)(unsafe.Pointer(&a.m)).list = a.list
	}
}

// AppendAt appends a text and a number which the map doesn't have and which stay where they are: they belong to this attribute alone, and are not
// to be changed. It panics where m must not be changed.
func AppendAt(m pcommon.Map, textKey string, text *string, numberKey string, number *float64) {
	m.EnsureCapacity(m.Len() + 2) // not twice as many, as growing does
	if !known {
		m.PutStr(textKey, *text)
		m.PutDouble(numberKey, *number)
		return
	}
	list := (*attributes)(unsafe.Pointer(&m)).list
	*list = append(*list, Pair{value: value{textKind, unsafe.Pointer(text)}, Key: textKey}, Pair{value: value{doubleKind, unsafe.Pointer(number)}, Key: numberKey})
}

// Fit moves the attributes of m into as much room as they need, and some more attributes. It panics where m must not be changed.
func Fit(m pcommon.Map, more int) {
	if !known {
		var b xpdata.MapBuilder
		b.EnsureCapacity(m.Len() + more)
		for k, v := range m.All() {
			v.MoveTo(b.AppendEmpty(k))
		}
		b.UnsafeIntoMap(m)
		return
	}
	m.MoveTo(m) // nothing moves: it only asks whether m may be changed
	list := (*attributes)(unsafe.Pointer(&m)).list
	fitting := make([]Pair, len(*list), len(*list)+more)
	copy(fitting, *list)
	*list = fitting
}
