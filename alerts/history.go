package alerts

import (
	"context"
	"time"

	"github.com/tollkeeper/tollkeeper/alerts/detect"
)

const (
	historyEvery = 5 * time.Minute     // how often the history is read again
	historyReach = 28 * 24 * time.Hour // how far back the usual is looked for, unless a rule says otherwise
)

// history is what was spent hour by hour, read once for all rules.
type history struct {
	back  time.Duration
	parts map[string]historyPart // by dimension
}

type historyPart struct {
	read  time.Time
	hours map[who]detect.Hours
}

func newHistory(back time.Duration) *history {
	return &history{max(back, historyReach), map[string]historyPart{}}
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
	h.parts[dimension] = historyPart{t.now, hours}
	return hours, nil
}

func sameHour(a, b time.Time) bool { return a.Truncate(time.Hour).Equal(b.Truncate(time.Hour)) }
