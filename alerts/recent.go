package alerts

import (
	"context"
	"slices"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// The running minute and the one before are read at every evaluation, where nearly all calls arrive. Calls that took
// longer land in minutes before: lateMinutes before the running one are read every lateEvery. What is later still reaches
// budgets through the rollups, and is no spike.
const (
	lateMinutes = 3
	lateEvery   = 5 * time.Second
	openMinutes = 2 // before the running one: budgets take them from here, older ones from the rollups
)

// recent is the spend of the last minutes by receipt, per tenant: the open minutes as of this evaluation, older ones as
// they were when they were last open. It is a cache of what calls say and is read again after a pause or a restart.
type recent struct {
	dimension string
	bucket    time.Duration
	keep      time.Duration
	last      time.Time // the evaluation that filled it last
	late      time.Time // the one that read the late minutes last
	// minute of the call (Unix seconds) → subject → bucket of the receipt → what was received
	minutes map[int64]map[who]*received
}

// received is what one subject's calls of one minute brought, by the bucket of their receipt; first and last of these, and the newest
// receipt in them.
type received struct {
	cells       map[int64]cell
	first, last int64
	newest      time.Time
}

func (r *received) put(bucket int64, c cell) {
	if len(r.cells) == 0 {
		r.first, r.last = bucket, bucket
	}
	r.first, r.last = min(r.first, bucket), max(r.last, bucket)
	r.newest = later(r.newest, c.newest)
	r.cells[bucket] = c
}

// touches reports that something of it may lie in buckets [from, to].
func (r *received) touches(from, to int64) bool { return r.first <= to && r.last >= from }

func newRecent(dimension string, bucket, keep time.Duration) *recent {
	return &recent{dimension: dimension, bucket: bucket, keep: keep, minutes: map[int64]map[who]*received{}}
}

// minutesBefore is the minute that began n minutes before the running one.
func minutesBefore(now time.Time, n int) time.Time {
	return now.UTC().Truncate(time.Minute).Add(-time.Duration(n) * time.Minute)
}

// recentUntil is the end of the minutes that are read from the calls.
func recentUntil(now time.Time) time.Time { return now.Add(2 * time.Minute).Truncate(time.Minute) }

// fill reads the minutes that may have changed since the last fill, and all since before, at most those that are kept.
func (r *recent) fill(ctx context.Context, from source, now, before time.Time) error {
	oldest := now.Add(-r.keep).Truncate(time.Minute)
	begin := oldest
	if !r.last.IsZero() && !r.last.After(now) {
		begin = minutesBefore(r.last, 1)
		if now.Sub(r.late) >= lateEvery {
			begin = earlier(begin, minutesBefore(now, lateMinutes))
		}
	}
	begin = later(earlier(begin, before), oldest)
	fresh := map[int64]map[who]*received{}
	err := from.open(ctx, r.dimension, begin, recentUntil(now), r.bucket, func(w who, minute, bucket int64, c cell) {
		if fresh[minute] == nil {
			fresh[minute] = map[who]*received{}
		}
		if fresh[minute][w] == nil {
			fresh[minute][w] = &received{cells: map[int64]cell{}}
		}
		fresh[minute][w].put(bucket, c)
	})
	if err != nil {
		return err
	}
	for minute := range r.minutes {
		if minute >= begin.Unix() || minute < oldest.Unix() {
			delete(r.minutes, minute)
		}
	}
	for minute, tenants := range fresh {
		r.minutes[minute] = tenants
	}
	r.last = now
	if !begin.After(minutesBefore(now, lateMinutes)) {
		r.late = now
	}
	return nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// bucketOf is the bucket that holds t.
func (r *recent) bucketOf(t time.Time) int64 { return t.UnixMilli() / r.bucket.Milliseconds() }

// received sums what was received from the subject in buckets [from, to].
func (r *recent) received(w who, from, to int64) (sum cell) {
	for _, subjects := range r.minutes {
		in := subjects[w]
		if in == nil || !in.touches(from, to) {
			continue
		}
		for b, c := range in.cells {
			if b >= from && b <= to {
				sum.add(c)
			}
		}
	}
	return sum
}

// ending sums what was received from the subject in windows of several lengths that end at a time, none of them reaching
// back before since.
func (r *recent) ending(w who, end, since time.Time, lengths []time.Duration) []cell {
	last := r.bucketOf(end)
	first := make([]int64, len(lengths))
	for i, d := range lengths {
		first[i] = last - int64(d/r.bucket) + 1
		if !since.IsZero() {
			first[i] = max(first[i], r.bucketOf(since)+1)
		}
	}
	out := make([]cell, len(lengths))
	if len(lengths) == 0 {
		return out
	}
	oldest := slices.Min(first)
	for _, subjects := range r.minutes {
		in := subjects[w]
		if in == nil || !in.touches(oldest, last) {
			continue
		}
		for b, c := range in.cells {
			for i := range out {
				if b >= first[i] && b <= last {
					out[i].add(c)
				}
			}
		}
	}
	return out
}

// series is what was received from the subject in each of the buckets [from, to], and in all.
func (r *recent) series(w who, from, to int64) (spends []ledger.Sum, sum cell) {
	spends = make([]ledger.Sum, max(0, to-from+1))
	for _, subjects := range r.minutes {
		in := subjects[w]
		if in == nil || !in.touches(from, to) {
			continue
		}
		for b, c := range in.cells {
			if b >= from && b <= to {
				spends[b-from] = spends[b-from].Add(c.spend)
				sum.add(c)
			}
		}
	}
	return spends, sum
}

// window sums what was received in buckets [from, to], for everyone.
func (r *recent) window(from, to int64) map[who]cell {
	out := map[who]cell{}
	for _, subjects := range r.minutes {
		for w, in := range subjects {
			sum := out[w]
			if !in.touches(from, to) { // a subject without calls in these buckets is one with none
				out[w] = sum
				continue
			}
			for b, c := range in.cells {
				if b >= from && b <= to {
					sum.add(c)
				}
			}
			out[w] = sum
		}
	}
	return out
}

// within sums what was received in the time d that ends at a time, for everyone.
func (r *recent) within(d time.Duration, end time.Time) map[who]cell {
	b := r.bucketOf(end)
	return r.window(b-int64(d/r.bucket)+1, b)
}

// first is the oldest bucket in which something was received from the subject, at or after from.
func (r *recent) first(w who, from int64) (bucket int64, ok bool) {
	for _, subjects := range r.minutes {
		in := subjects[w]
		if in == nil || in.last < from {
			continue
		}
		for b := range in.cells {
			if b >= from && (!ok || b < bucket) {
				bucket, ok = b, true
			}
		}
	}
	return bucket, ok
}

// started sums everyone's calls whose minute is in [from, to).
func (r *recent) started(from, to time.Time) map[who]total {
	out := map[who]total{}
	for minute, subjects := range r.minutes {
		if minute < from.Unix() || minute >= to.Unix() {
			continue
		}
		for w, in := range subjects {
			sum := out[w]
			for _, c := range in.cells {
				sum = sum.plus(total{c.spend, c.calls, c.unpriced})
			}
			out[w] = sum
		}
	}
	return out
}

// newest is the newest receipt of all.
func (r *recent) newest() (at time.Time) {
	for _, subjects := range r.minutes {
		for _, in := range subjects {
			at = later(at, in.newest)
		}
	}
	return at
}
