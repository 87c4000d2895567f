package ingest

import (
	"encoding/binary"
	"math"

	"github.com/ClickHouse/ch-go/proto"
)

// dictionary is a LowCardinality(String) column that keeps each text once and 4 bytes a row: ch-go's own keeps every row's
// string and looks all of them up again when it encodes.
type dictionary struct {
	texts []string
	index map[string]uint32
	rows  []uint32

	last string // the text of the row before: most calls of a batch have most texts in common
	key  uint32
}

func newDictionary() *dictionary { return &dictionary{index: map[string]uint32{}} }

// Append adds a row.
func (d *dictionary) Append(text string) {
	if text != d.last || len(d.rows) == 0 {
		key, ok := d.index[text]
		if !ok {
			key = uint32(len(d.texts))
			d.texts = append(d.texts, text)
			d.index[text] = key
		}
		d.last, d.key = text, key
	}
	d.rows = append(d.rows, d.key)
}

// Reset removes all rows.
func (d *dictionary) Reset() {
	clear(d.texts)
	clear(d.index)
	d.texts, d.rows, d.last = d.texts[:0], d.rows[:0], ""
}

// Type implements proto.ColInput.
func (d *dictionary) Type() proto.ColumnType { return "LowCardinality(String)" }

// Rows implements proto.ColInput.
func (d *dictionary) Rows() int { return len(d.rows) }

// EncodeState implements proto.StateEncoder: the version of the keys' serialization,
// https://github.com/ClickHouse/ClickHouse/blob/master/src/DataTypes/Serializations/SerializationLowCardinality.cpp (read November 2026).
func (d *dictionary) EncodeState(b *proto.Buffer) { b.PutInt64(1) }

// Flags of the first word: additional keys follow, and they replace those before.
const dictionaryFlags = 1<<9 | 1<<10

// EncodeColumn implements proto.ColInput.
func (d *dictionary) EncodeColumn(b *proto.Buffer) {
	if len(d.rows) == 0 {
		return
	}
	width := 0 // 2^width bytes a key
	switch n := len(d.texts); {
	case n > math.MaxUint16+1:
		width = 2
	case n > math.MaxUint8+1:
		width = 1
	}
	b.PutInt64(dictionaryFlags | int64(width))
	b.PutInt64(int64(len(d.texts)))
	for _, text := range d.texts {
		b.PutString(text)
	}
	b.PutInt64(int64(len(d.rows)))
	at := len(b.Buf)
	b.Buf = append(b.Buf, make([]byte, len(d.rows)<<width)...)
	out := b.Buf[at:]
	switch width {
	case 0:
		for i, key := range d.rows {
			out[i] = byte(key)
		}
	case 1:
		for i, key := range d.rows {
			binary.LittleEndian.PutUint16(out[2*i:], uint16(key))
		}
	default:
		for i, key := range d.rows {
			binary.LittleEndian.PutUint32(out[4*i:], key)
		}
	}
}

// WriteColumn implements proto.ColInput.
func (d *dictionary) WriteColumn(w *proto.Writer) { w.ChainBuffer(d.EncodeColumn) }

// counts is a Map(LowCardinality(String), Int64 or UInt64) column.
type counts struct {
	typ    proto.ColumnType
	keys   *dictionary
	values proto.ColUInt64
	ends   proto.ColUInt64
}

func newCounts(of string) *counts {
	return &counts{typ: proto.ColumnType("Map(LowCardinality(String), " + of + ")"), keys: newDictionary()}
}

// add puts an entry into the row that is being made; end finishes it.
func (c *counts) add(key string, value int64) {
	c.keys.Append(key)
	c.values.Append(uint64(value))
}

func (c *counts) end() { c.ends.Append(uint64(len(c.values))) }

// Reset removes all rows.
func (c *counts) Reset() {
	c.keys.Reset()
	c.values.Reset()
	c.ends.Reset()
}

// Type implements proto.ColInput.
func (c *counts) Type() proto.ColumnType { return c.typ }

// Rows implements proto.ColInput.
func (c *counts) Rows() int { return c.ends.Rows() }

// EncodeState implements proto.StateEncoder.
func (c *counts) EncodeState(b *proto.Buffer) { c.keys.EncodeState(b) }

// EncodeColumn implements proto.ColInput.
func (c *counts) EncodeColumn(b *proto.Buffer) {
	c.ends.EncodeColumn(b)
	c.keys.EncodeColumn(b)
	c.values.EncodeColumn(b)
}

// WriteColumn implements proto.ColInput.
func (c *counts) WriteColumn(w *proto.Writer) { w.ChainBuffer(c.EncodeColumn) }
