package alerts

import (
	"context"
	"time"
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
	bucket time.Duration
	keep   time.Duration
	last   time.Time // the evaluation that filled it last
	late   time.Time // the one that read the late minutes last
	// minute of the call (Unix seconds) → tenant → bucket of the receipt → what was received
	minutes map[int64]map[string]map[int64]cell
}

func newRecent(bucket, keep time.Duration) *recent {
	return &recent{bucket: bucket, keep: keep, minutes: map[int64]map[string]map[int64]cell{}}
}

// minutesBefore is the minute that began n minutes before the running one.
func minutesBefore(now time.Time, n int) time.Time {
	return now.UTC().Truncate(time.Minute).Add(-time.Duration(n) * time.Minute)
}

// fill reads the minutes that may have changed since the last fill, and all since before, at most those that are kept.
func (r *recent) fill(ctx context.Context, ledger reader, now, before time.Time) error {
	oldest := now.Add(-r.keep).Truncate(time.Minute)
	from := oldest
	if !r.last.IsZero() && !r.last.After(now) {
		from = minutesBefore(r.last, 1)
		if now.Sub(r.late) >= lateEvery {
			from = earlier(from, minutesBefore(now, lateMinutes))
		}
	}
	from = later(earlier(from, before), oldest)
	fresh := map[int64]map[string]map[int64]cell{}
	err := ledger.open(ctx, from, now.Add(2*time.Minute).Truncate(time.Minute), r.bucket, func(tenant string, minute, bucket int64, c cell) {
		if fresh[minute] == nil {
			fresh[minute] = map[string]map[int64]cell{}
		}
		if fresh[minute][tenant] == nil {
			fresh[minute][tenant] = map[int64]cell{}
		}
		fresh[minute][tenant][bucket] = c
	})
	if err != nil {
		return err
	}
	for minute := range r.minutes {
		if minute >= from.Unix() || minute < oldest.Unix() {
			delete(r.minutes, minute)
		}
	}
	for minute, tenants := range fresh {
		r.minutes[minute] = tenants
	}
	r.last = now
	if !from.After(minutesBefore(now, lateMinutes)) {
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

// received sums what was received from the tenant in buckets [from, to].
func (r *recent) received(tenant string, from, to int64) (sum cell) {
	for _, tenants := range r.minutes {
		for b, c := range tenants[tenant] {
			if b >= from && b <= to {
				sum.add(c)
			}
		}
	}
	return sum
}

// window sums what was received in buckets [from, to], for everyone.
func (r *recent) window(from, to int64) map[string]cell {
	out := map[string]cell{}
	for _, tenants := range r.minutes {
		for tenant, buckets := range tenants {
			sum := out[tenant]
			for b, c := range buckets {
				if b >= from && b <= to {
					sum.add(c)
				}
			}
			out[tenant] = sum
		}
	}
	return out
}

// first is the oldest bucket in which something was received from the tenant, at or after from.
func (r *recent) first(tenant string, from int64) (bucket int64, ok bool) {
	for _, tenants := range r.minutes {
		for b := range tenants[tenant] {
			if b >= from && (!ok || b < bucket) {
				bucket, ok = b, true
			}
		}
	}
	return bucket, ok
}

// of sums the tenant's calls whose minute is in [from, to).
func (r *recent) of(tenant string, from, to time.Time) (sum total) {
	for minute, tenants := range r.minutes {
		if minute < from.Unix() || minute >= to.Unix() {
			continue
		}
		for _, c := range tenants[tenant] {
			sum = sum.plus(total{c.spend, c.calls, c.unpriced})
		}
	}
	return sum
}

// newest is the newest receipt of all.
func (r *recent) newest() (at time.Time) {
	for _, tenants := range r.minutes {
		for _, buckets := range tenants {
			for _, c := range buckets {
				at = later(at, c.newest)
			}
		}
	}
	return at
}
