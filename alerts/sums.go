package alerts

import (
	"context"
	"time"
)

// closedEvery is how often the closed part of a window is read again, beside every time that it grows.
const closedEvery = 10 * time.Second

// sums are the totals of windows: the rollups up to the open minutes, and the calls since. After the clock was set back, what is ahead of it is taken
// from the rollups too: a budget that is spent stays so.
type sums struct{ closed map[sumKey]closedPart }

type sumKey struct {
	dimension string
	from      time.Time
}

type closedPart struct {
	to   time.Time
	read time.Time
	used time.Time
	sums map[who]total
}

func newSums() *sums { return &sums{map[sumKey]closedPart{}} }

// of is the total of every subject in w.
func (s *sums) of(ctx context.Context, t *tick, dimension string, w window) (map[who]total, error) {
	if !w.wholeMinutes() && dimension == byTenant {
		return t.ledger.exact(ctx, w)
	}
	r, open := t.recent, t.openFrom
	if dimension != byTenant {
		// By team and key the rollups hold whole hours; the newest two are counted from the calls.
		r, open = t.recents[dimension], t.now.Truncate(time.Hour).Add(-time.Hour)
	}
	out := map[who]total{}
	if w.from.Before(open) {
		part, err := s.rolledUp(ctx, t, sumKey{dimension, w.from}, open)
		if err != nil {
			return nil, err
		}
		for subject, sum := range part {
			out[subject] = sum
		}
	}
	if beyond := recentUntil(t.now); dimension == byTenant && t.ahead.After(beyond) && w.to.After(beyond) && !w.from.After(beyond) {
		part, err := s.rolledUp(ctx, t, sumKey{dimension, beyond}, w.to)
		if err != nil {
			return nil, err
		}
		for subject, sum := range part {
			out[subject] = out[subject].plus(sum)
		}
	}
	for subject, sum := range r.started(later(w.from, open), w.to) {
		out[subject] = out[subject].plus(sum)
	}
	return out, nil
}

// rolledUp is what the rollups say of the time from k on.
func (s *sums) rolledUp(ctx context.Context, t *tick, k sumKey, to time.Time) (map[who]total, error) {
	part := s.closed[k]
	if part.sums == nil || !part.to.Equal(to) || t.now.Sub(part.read) >= closedEvery {
		read, err := t.ledger.closed(ctx, k.dimension, k.from, to)
		if err != nil {
			return nil, err
		}
		part = closedPart{to: to, read: t.now, sums: read}
	}
	part.used = t.now
	s.closed[k] = part
	return part.sums, nil
}

// forget drops what no rule asked for in this evaluation.
func (s *sums) forget(now time.Time) {
	for k, part := range s.closed {
		if !part.used.Equal(now) {
			delete(s.closed, k)
		}
	}
}
