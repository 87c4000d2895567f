package gateway

import (
	"container/heap"
	"time"
)

// pool is one kind of a shared limit. Level is how much every bucket has been given, per unit of weight; a bucket that isn't
// full rises with it, so pouring into all of them is one addition, and a bucket leaves when the level passes its rim.
type pool struct {
	limit   int64 // parts per period; 0 = unlimited
	per     time.Duration
	depth   int64     // of a bucket, per unit of weight
	most    int       // buckets
	at      time.Time // up to when level is booked
	level   int64
	wanting wanting // buckets that aren't full, the one that is full next first
	weights int64   // of those
	buckets map[string]*bucket
}

// bucket is one tenant's part. While it isn't full, its balance is weight·(level − empty), and it is full at empty + depth.
type bucket struct {
	weight int64
	empty  int64 // level at which the balance is 0
	index  int   // in wanting; −1: full
}

// advance pours what the time up to now gives.
func (p *pool) advance(now time.Time) {
	for len(p.wanting) > 0 {
		elapsed := now.Sub(p.at)
		if elapsed <= 0 { // also a clock that steps back
			return
		}
		credit := mulDiv(int64(elapsed), p.limit, int64(p.per), false)
		next := p.wanting[0]
		if toRim := mulDiv(next.empty+p.depth-p.level, p.weights, 1, false); toRim <= credit {
			p.level = next.empty + p.depth
			p.spent(toRim, now)
			heap.Pop(&p.wanting)
			p.weights -= next.weight
			continue
		}
		rise := credit / p.weights
		p.level += rise
		p.spent(rise*p.weights, now)
		break
	}
	if len(p.wanting) == 0 {
		p.level, p.at = 0, later(p.at, now)
	}
	p.rebase()
}

// spent books the time that gave so many parts, rounded up: rounding never gives more than the limit.
func (p *pool) spent(parts int64, now time.Time) {
	p.at = p.at.Add(time.Duration(mulDiv(parts, int64(p.per), p.limit, true)))
	if p.at.After(now) {
		p.at = now
	}
}

// rebase keeps level far from overflow.
func (p *pool) rebase() {
	if p.level < 1<<60 {
		return
	}
	for _, b := range p.wanting {
		b.empty -= p.level
	}
	p.level = 0
}

func (p *pool) balance(b *bucket) int64 {
	if b.index < 0 {
		return mulDiv(p.depth, b.weight, 1, false)
	}
	if d := p.level - b.empty; d < 0 {
		return -mulDiv(-d, b.weight, 1, true)
	}
	return mulDiv(p.level-b.empty, b.weight, 1, false)
}

// crowd is the bucket of tenants for whom there is no room any more: they share one.
const crowd = ""

// bucket finds or makes the tenant's bucket; a new one is full.
func (p *pool) bucket(tenant string, weight int64) *bucket {
	b := p.buckets[tenant]
	if b == nil {
		if len(p.buckets) >= p.most && len(p.wanting) < len(p.buckets) {
			for t, full := range p.buckets { // a new one would be full too
				if full.index < 0 {
					delete(p.buckets, t)
				}
			}
		}
		if len(p.buckets) >= p.most {
			if tenant, weight = crowd, 1; p.buckets[crowd] != nil {
				return p.buckets[crowd]
			}
		}
		b = &bucket{weight: weight, index: -1}
		p.buckets[tenant] = b
	}
	if b.weight != weight {
		balance := p.balance(b)
		if b.index >= 0 {
			p.weights += weight - b.weight
		}
		full := b.index < 0
		b.weight = weight
		if !full {
			p.set(b, balance)
		}
	}
	return b
}

// take takes parts out of a bucket; it may go below zero.
func (p *pool) take(b *bucket, parts int64) { p.set(b, saturatingAdd(p.balance(b), -parts)) }

// deepest bounds a debt, far from overflow.
const deepest = -(1 << 60)

func (p *pool) set(b *bucket, balance int64) {
	balance = max(balance, deepest)
	floor := balance / b.weight
	if balance%b.weight < 0 {
		floor--
	}
	b.empty = p.level - floor
	switch {
	case b.index >= 0:
		heap.Fix(&p.wanting, b.index)
	case floor < p.depth:
		heap.Push(&p.wanting, b)
		p.weights += b.weight
	}
}

// wait is how long the bucket needs for the missing parts, if as many tenants want something as now.
func (p *pool) wait(b *bucket, missing int64) time.Duration {
	rise := mulDiv(missing, 1, b.weight, true)
	return max(1, time.Duration(mulDiv(mulDiv(rise, max(p.weights, 1), 1, false), int64(p.per), p.limit, true)))
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// wanting is a heap by the level at which a bucket is full.
type wanting []*bucket

func (w wanting) Len() int           { return len(w) }
func (w wanting) Less(i, j int) bool { return w[i].empty < w[j].empty }
func (w wanting) Swap(i, j int) {
	w[i], w[j] = w[j], w[i]
	w[i].index, w[j].index = i, j
}

// Push adds a bucket.
func (w *wanting) Push(x any) {
	b := x.(*bucket)
	b.index = len(*w)
	*w = append(*w, b)
}

// Pop takes the last one out.
func (w *wanting) Pop() any {
	old := *w
	b := old[len(old)-1]
	b.index = -1
	old[len(old)-1] = nil
	*w = old[:len(old)-1]
	return b
}
