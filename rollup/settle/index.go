package settle

// index holds what has an identity, each identity once, where it can be found. Its keys are spans: identities have text in them, which
// takes several times as long to look up, and hardly ever share a span.
type index[T any] struct {
	all   []T
	id    func(*T) *ID
	newer map[spanKey]int32 // the last in all that has the span
	older []int32           // beside all: the one before of its span, or -1
}

func newIndex[T any](id func(*T) *ID) index[T] { return index[T]{id: id} }

// find is nil if nothing has the identity. It is where it is in all until the next add.
func (x *index[T]) find(id *ID) *T {
	if at := x.at(id); at >= 0 {
		return &x.all[at]
	}
	return nil
}

// at is where in all something has the identity, or -1.
func (x *index[T]) at(id *ID) int {
	at, ok := x.newer[spanKey{id.Trace, id.Span}]
	if !ok {
		return -1
	}
	return x.below(at, id)
}

// below is at for the span that was last at a place.
func (x *index[T]) below(at int32, id *ID) int {
	for ; at >= 0; at = x.older[at] {
		if *x.id(&x.all[at]) == *id {
			return int(at)
		}
	}
	return -1
}

// put takes in what nothing has the identity of; else it gives that.
func (x *index[T]) put(t *T) (old *T, ok bool) {
	id := x.id(t)
	key := spanKey{id.Trace, id.Span}
	before, ok := x.newer[key]
	if !ok {
		before = -1
	}
	if at := x.below(before, id); at >= 0 {
		return &x.all[at], true
	}
	if x.newer == nil {
		x.newer = map[spanKey]int32{}
	}
	x.newer[key] = int32(len(x.all))
	x.all, x.older = append(x.all, *t), append(x.older, before)
	return nil, false
}

// grow makes room for n more.
func (x *index[T]) grow(n int) {
	if len(x.all) > 0 {
		return
	}
	x.all, x.older, x.newer = make([]T, 0, n), make([]int32, 0, n), make(map[spanKey]int32, n)
}
