package alerts

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// A ledger in which nothing was received for calmAfter is asked, at every evaluation, whether anything was since; all that is asked each second
// while calls come is asked every lateEvery then.
const calmAfter = 30 * time.Second

// pulse is the sign of the last evaluation's open minutes.
type pulse struct {
	at   time.Time
	sign string
}

// calm reports that nothing was received since the evaluation before, so that what was read of the open minutes still holds. A sign is taken
// before the calls are read, so that none that comes meanwhile is missed.
func (a *evaluation) calm(ctx context.Context, t *tick) (bool, error) {
	r, before := a.recent, a.pulse
	a.pulse = pulse{}
	if t.now.Sub(r.newest()) < calmAfter || r.last.IsZero() || t.now.Before(r.last) {
		return false, nil
	}
	sign, err := t.ledger.pulse(ctx, minutesBefore(t.now, lateMinutes), recentUntil(t.now))
	if err != nil {
		return false, err
	}
	a.pulse = pulse{t.now, sign}
	return sign == before.sign && !before.at.IsZero() && t.now.Sub(r.last) < lateEvery, nil
}

func (r reader) pulse(ctx context.Context, from, to time.Time) (sign string, err error) {
	err = r.each(ctx, "pulse", params{"from": second(from), "to": second(to)}, func(rows driver.Rows) error { return rows.Scan(&sign) })
	return sign, err
}

func (t *Tape) pulse(context.Context, time.Time, time.Time) (string, error) {
	return fmt.Sprint(t.received), nil
}
