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
	for ; ok && at >= 0; at = x.older[at] {
		if *x.id(&x.all[at]) == *id {
			return int(at)
		}
	}
	return -1
}

// add takes in what find has not found.
func (x *index[T]) add(t T) {
	if x.newer == nil {
		x.newer = map[spanKey]int32{}
	}
	id := x.id(&t)
	key := spanKey{id.Trace, id.Span}
	before, ok := x.newer[key]
	if !ok {
		before = -1
	}
	x.newer[key] = int32(len(x.all))
	x.all, x.older = append(x.all, t), append(x.older, before)
}

// grow makes room for n more.
func (x *index[T]) grow(n int) {
	if len(x.all) > 0 {
		return
	}
	x.all, x.older, x.newer = make([]T, 0, n), make([]int32, 0, n), make(map[spanKey]int32, n)
}
