package alerts

import (
	"context"
	"maps"
	"time"

	"github.com/tollkeeper/tollkeeper/alerts/detect"
)

const (
	historyEvery = 5 * time.Minute     // how often the history is read again
	historyReach = 28 * 24 * time.Hour // how far back the usual is looked for, unless a rule says otherwise
)

const day = 24 * time.Hour

// history is what was spent hour by hour, read once for all rules.
type history struct {
	back   time.Duration
	parts  map[string]historyPart // by dimension
	days   days
	coarse map[string]grains // of these days, by tenant
	// perLook bounds how many days are read at one evaluation, since each is a query over all its minutes; 0: all at once.
	perLook int
	newest  time.Time // the evaluation that read some last
}

// daysPerLook is perLook of the live role: fourteen evaluations after its start it knows all days, and none of them waits
// for more than one.
const daysPerLook = 1

type historyPart struct {
	read  time.Time
	hours map[who]detect.Hours
	calls detect.Hours // of everybody together, calls alone; nil: not asked for yet
}

func newHistory(back time.Duration) *history {
	return &history{back: max(back, historyReach), parts: map[string]historyPart{}, days: days{}, coarse: map[string]grains{}}
}

// of is the history by a dimension, up to the running hour.
func (h *history) of(ctx context.Context, t *tick, dimension string) (map[who]detect.Hours, error) {
	part, ok := h.parts[dimension]
	if ok && t.now.Sub(part.read) < historyEvery && sameHour(part.read, t.now) {
		return part.hours, nil
	}
	hour := t.now.Truncate(time.Hour)
	hours, err := t.ledger.hours(ctx, dimension, hour.Add(-h.back), hour)
	if err != nil {
		return nil, err
	}
	h.parts[dimension] = historyPart{read: t.now, hours: hours}
	return hours, nil
}

// calls are those of everybody together, of the history by a dimension that was read last.
func (h *history) calls(dimension string) detect.Hours {
	part := h.parts[dimension]
	if part.calls == nil {
		part.calls = detect.Hours{}
		for _, hours := range part.hours {
			for at, v := range hours {
				sum := part.calls[at]
				sum.Calls += v.Calls
				part.calls[at] = sum
			}
		}
		h.parts[dimension] = part
	}
	return part.calls
}

func sameHour(a, b time.Time) bool { return a.Truncate(time.Hour).Equal(b.Truncate(time.Hour)) }

// grain is how coarse a tenant's spend and calls were over the last whole days, each of which is read once; 0 if it is
// unknown.
func (h *history) grain(ctx context.Context, t *tick, tenant string) (g grains, err error) {
	if err := h.readDays(ctx, t); err != nil {
		return g, err
	}
	if g, known := h.coarse[tenant]; known {
		return g, nil
	}
	var spend, calls []detect.Dispersion
	for _, tenants := range h.days {
		if s, ok := tenants[tenant]; ok {
			spend, calls = append(spend, s.spend), append(calls, s.calls)
		}
	}
	if g.spend, err = detect.Grain(spend); err != nil {
		return g, err
	}
	n, err := detect.Grain(calls) // of whole numbers, so it is one
	g.calls = detect.Integer(n).Uint64()
	if err == nil {
		h.coarse[tenant] = g
	}
	return g, err
}

// readDays reads the whole days that aren't known yet, the newest first.
func (h *history) readDays(ctx context.Context, t *tick) error {
	today := t.now.Truncate(day)
	oldest := today.Add(-detect.GrainDays * day)
	if h.newest.Equal(t.now) {
		return nil // for another subject at this evaluation
	}
	before := len(h.days)
	maps.DeleteFunc(h.days, func(at int64, _ map[string]spread) bool { return at < oldest.Unix() || at >= today.Unix() })
	read := 0
	for end := today; end.After(oldest) && (h.perLook == 0 || read < h.perLook); end = end.Add(-day) {
		from := end.Add(-day)
		if h.days[from.Unix()] != nil {
			continue
		}
		read++
		found, err := t.ledger.dispersions(ctx, from, end)
		if err != nil {
			clear(h.coarse) // those before this one may have been read
			return err
		}
		h.days[from.Unix()] = map[string]spread{}
		maps.Copy(h.days[from.Unix()], found[from.Unix()])
	}
	if read > 0 || len(h.days) < before {
		clear(h.coarse)
	}
	h.newest = t.now
	return nil
}
