package genai

import (
	"encoding/binary"
	"strings"

	"github.com/tollkeeper/tollkeeper/collector/genai/inplace"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// layout is where the attributes of the last span stood, and which of them tells which field. Spans of one emitter have the same keys in
// the same places, as a rule: each key is compared with the one that stood there last, and the fields are sorted out again only where
// something is another. It holds names, but no memory of a span.
type layout struct {
	present keySet
	fields  uint64 // bit set of fields that have a value
	best    [numFields]key
	at      [numFields]int32 // the place of the attribute that tells it
	ours    bool             // an attribute has a name that only Tollkeeper may set
	places  int              // so many attributes the last span had, -1: another must be sorted out in any case
	place   [maxPlaces]place
}

// maxPlaces is how many attributes of a span are remembered: as many as an SDK lets a span have, unless it is told otherwise (OTel
// specification, "Attribute limits").
const maxPlaces = 128

// place is what the attribute was that stood there last.
type place struct {
	name  [60]byte
	size  uint8 // of the name; above the room for it: it isn't remembered
	key   key
	ours  bool
	empty bool // there is no value. An empty text is what some emitters write for nothing, so it counts as none
}

func newLayout() (l layout) {
	for i := range l.place {
		l.place[i].key = noKey // which a name without a letter is
	}
	return l
}

// is reports whether that attribute had this name: eight bytes at a time, the last eight of which may overlap others.
func (p *place) is(name string) bool {
	n := len(name)
	if n != int(p.size) || n > len(p.name) {
		return false
	}
	if n < 8 {
		return string(p.name[:n]) == name
	}
	for i := 0; i < n-8; i += 8 {
		if eight(name, i) != binary.LittleEndian.Uint64(p.name[i:]) {
			return false
		}
	}
	return eight(name, n-8) == binary.LittleEndian.Uint64(p.name[n-8:])
}

// learn remembers another name, and reports whether it is read otherwise.
func (p *place) learn(name string) bool {
	p.size = uint8(min(len(name), len(p.name)+1))
	copy(p.name[:], name)
	k := keyOf(name)
	ours := k == noKey && strings.HasPrefix(name, ledger.AttrPrefix)
	other := k != p.key || ours != p.ours
	p.key, p.ours = k, ours
	return other
}

// follow goes once over the attributes, and knows afterwards where each field is.
func (l *layout) follow(list []inplace.Pair) {
	known := list[:min(len(list), maxPlaces)]
	other := l.places != len(list)
	for i := range known {
		p, a := &l.place[i], &known[i]
		if !p.is(a.Key) {
			other = p.learn(a.Key) || other
		}
		if empty := a.Empty(); empty != p.empty {
			p.empty, other = empty, true
		}
	}
	if other || len(list) > maxPlaces {
		l.sort(list)
	}
}

// sort finds, of each field, the attribute under the key that comes first in the table.
func (l *layout) sort(list []inplace.Pair) {
	l.present, l.fields, l.ours, l.places = keySet{}, 0, false, len(list)
	for i := range list {
		if i < maxPlaces {
			l.add(i, &l.place[i])
			continue
		}
		var beyond place
		beyond.learn(list[i].Key)
		beyond.empty = list[i].Empty()
		l.add(i, &beyond)
	}
}

func (l *layout) add(i int, p *place) {
	l.ours = l.ours || p.ours
	if p.key == noKey || p.empty {
		return
	}
	l.present.add(p.key)
	if f := keys[p.key].field; !l.has(f) || p.key < l.best[f] {
		l.fields |= 1 << f
		l.best[f], l.at[f] = p.key, int32(i)
	}
}

func (l *layout) has(f field) bool { return l.fields&(1<<f) != 0 }

// set says where a field is that no attribute of its own tells. It holds for this span alone.
func (l *layout) set(f field, at int32) {
	l.fields |= 1 << f
	l.best[f], l.at[f], l.places = noKey, at, -1
}
