package pricing

import "sync/atomic"

// resolved is what a name stands for; series is nil where it stands for nothing.
type resolved struct {
	modelKey
	series *series
}

// recent holds, of the names that have been resolved, some that were asked for last, each in its place: most calls are to few models, and a
// map looks at all of a name twice. A name that shares its place is looked up there.
type recent [256]atomic.Pointer[resolved]

// of is the place of a name.
func (r *recent) of(provider, model string) *atomic.Pointer[resolved] {
	n := len(model)
	h := uint32(len(provider))<<5 ^ uint32(n)
	if n > 0 {
		h ^= uint32(model[0])<<24 ^ uint32(model[n/2])<<16 ^ uint32(model[n-1])<<8
	}
	return &r[h*0x9e3779b1>>24]
}
