package rollup

import (
	"context"
	"fmt"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

// Difference is a total that isn't what its parts add up to.
type Difference struct {
	Window time.Time
	What   string // hour, day, hours by team, day by user …
	Tenant string
	Model  string // provider/model, of an hour
	Calls  int64  // the total has these more than its parts
	Cost   ledger.Sum
}

// Check is a recomputation of stored totals.
type Check struct {
	Windows     int // hours and days compared
	Pending     int // not compared, because their rollup is still to be done
	Differences []Difference
}

// Cost is the sum of the differences' absolute costs.
func (c *Check) Cost() ledger.Sum {
	var sum ledger.Sum
	for _, d := range c.Differences {
		if d.Cost.Sign() < 0 {
			sum = sum.Sub(d.Cost)
		} else {
			sum = sum.Add(d.Cost)
		}
	}
	return sum
}

// Recompute adds up the calls of every hour of [from, to) again and compares with the rollup, then the hours of every whole
// day with its totals and with spend by dimension. Hours and days of closed months and of sealed days are left out: there, what
// came later is an adjustment (Verify looks at them). Where changes are pending nothing is compared.
func (r *Rollup) Recompute(ctx context.Context, from, to time.Time) (Check, error) {
	var check Check
	if err := r.loadSealed(ctx); err != nil {
		return check, err
	}
	if sealed := r.sealedBefore(); from.Before(sealed) {
		if from = sealed; !from.Before(to) {
			return check, nil
		}
	}
	hours, err := r.checkable(ctx, from, to)
	if err != nil {
		return check, err
	}
	busy, err := r.occupied(ctx, from, to)
	if err != nil {
		return check, err
	}
	whole := map[time.Time]int{}
	for _, h := range hours {
		if h.pending {
			check.Pending++
			continue
		}
		if !busy.hours[h.start] {
			check.Windows++
		} else if err := r.compare(ctx, &check, "rollup/check_hour", h.start, h.start.Add(time.Hour)); err != nil {
			return check, err
		}
		if whole[Day.start(h.start)]++; whole[Day.start(h.start)] < 24 {
			continue
		}
		day := Day.start(h.start)
		if !busy.days[day] {
			check.Windows++
		} else if err := r.compare(ctx, &check, "rollup/check_day", day, day.AddDate(0, 0, 1)); err != nil {
			return check, err
		}
	}
	return check, r.checkSettled(ctx, &check, from, to)
}

// candidatesLast is for how long settlement's candidates are surely there (schema.LateDays).
const candidatesLast = schema.LateDays * 24 * time.Hour

// checkSettled looks for reports that gave way to one that doesn't stand. Their cost is in no total, so it is a loss of one
// call each.
func (r *Rollup) checkSettled(ctx context.Context, check *Check, from, to time.Time) error {
	if from.Before(r.now().Add(-candidatesLast)) || check.Pending > 0 {
		return nil // a decision is whole when its marks are done
	}
	rows, err := r.conn.Query(ctx, schema.SQL("settle/broken"), named("from", from), named("to", to))
	if err != nil {
		return fmt.Errorf("check settlements: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		d := Difference{Calls: -1}
		var trace, span, reason string
		if err := rows.Scan(&d.Window, &d.Tenant, &trace, &span, &reason); err != nil {
			return fmt.Errorf("check settlements: %w", err)
		}
		d.Window, d.What = d.Window.UTC(), fmt.Sprintf("settlement %x/%x (%s)", trace, span, reason)
		check.Differences = append(check.Differences, d)
	}
	return rows.Err()
}

// occupied is where calls or totals are, and the days of what is still to be done or was booked for them.
type occupied struct{ hours, days map[time.Time]bool }

func (r *Rollup) occupied(ctx context.Context, from, to time.Time) (occupied, error) {
	o := occupied{map[time.Time]bool{}, map[time.Time]bool{}}
	rows, err := r.conn.Query(ctx, schema.SQL("rollup/occupied"), named("from", Day.start(from)), named("to", Day.start(to.Add(24*time.Hour-time.Second))))
	if err != nil {
		return o, fmt.Errorf("list the hours that have calls or totals: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var day uint8
		var window time.Time
		if err := rows.Scan(&day, &window); err != nil {
			return o, fmt.Errorf("list the hours that have calls or totals: %w", err)
		}
		o.days[Day.start(window)] = true
		if day == 0 {
			o.hours[window.UTC()] = true
		}
	}
	return o, rows.Err()
}

type checkable struct {
	start   time.Time
	pending bool
}

func (r *Rollup) checkable(ctx context.Context, from, to time.Time) ([]checkable, error) {
	rows, err := r.conn.Query(ctx, schema.SQL("rollup/checkable"), named("from", Hour.start(from)), named("to", Hour.start(to)))
	if err != nil {
		return nil, fmt.Errorf("list the hours to check: %w", err)
	}
	defer rows.Close()
	var out []checkable
	for rows.Next() {
		var h checkable
		if err := rows.Scan(&h.start, &h.pending); err != nil {
			return nil, fmt.Errorf("list the hours to check: %w", err)
		}
		h.start = h.start.UTC()
		out = append(out, h)
	}
	return out, rows.Err()
}

// compare runs one comparison. A difference counts only if it is still there when nothing is pending: a call that came in
// between shows as a difference first, then as a mark.
func (r *Rollup) compare(ctx context.Context, check *Check, query string, from, to time.Time) error {
	for range 3 {
		found, err := r.differences(ctx, query, from, to)
		if err != nil {
			return err
		}
		settled := len(found) == 0
		if !settled {
			hours, err := r.checkable(ctx, from, to)
			if err != nil {
				return err
			}
			settled = true
			for _, h := range hours {
				settled = settled && !h.pending
			}
			if settled { // the marks may have been done in between
				if found, err = r.differences(ctx, query, from, to); err != nil {
					return err
				}
			}
		}
		if settled {
			check.Windows++
			check.Differences = append(check.Differences, found...)
			return nil
		}
	}
	check.Pending++
	return nil
}

func (r *Rollup) differences(ctx context.Context, query string, from, to time.Time) ([]Difference, error) {
	rows, err := r.conn.Query(ctx, schema.SQL(query), named("from", from), named("to", to))
	if err != nil {
		return nil, fmt.Errorf("recompute %s: %w", from.Format(time.RFC3339), err)
	}
	defer rows.Close()
	var out []Difference
	for rows.Next() {
		d := Difference{Window: from}
		var cost, provider string
		if query == "rollup/check_hour" {
			d.What = string(Hour)
			err = rows.Scan(&d.Tenant, &provider, &d.Model, &d.Calls, &cost)
			d.Model = provider + "/" + d.Model
		} else {
			err = rows.Scan(&d.Tenant, &d.What, &d.Calls, &cost)
		}
		if err == nil {
			d.Cost, err = ledger.ParseSum(cost)
		}
		if err != nil {
			return nil, fmt.Errorf("recompute %s: %w", from.Format(time.RFC3339), err)
		}
		out = append(out, d)
	}
	return out, rows.Err()
}

// agents has the aggregates of today and of the days that nightly will check settled again, if calls of theirs may have come since.
func (r *Rollup) agents(ctx context.Context) error {
	today := Day.start(r.now())
	return r.settler.LookAgain(ctx, today.AddDate(0, 0, -r.cfg.CheckDays), today.AddDate(0, 0, 1))
}

// nightly recomputes the last days and says loudly what differs. The metric is zero, or something is wrong.
func (r *Rollup) nightly(ctx context.Context) error {
	to := Day.start(r.now())
	check, err := r.Recompute(ctx, to.AddDate(0, 0, -r.cfg.CheckDays), to)
	if err != nil {
		return err
	}
	r.metrics.checked.WithLabelValues("equal").Set(float64(check.Windows - differing(check.Differences)))
	r.metrics.checked.WithLabelValues("different").Set(float64(differing(check.Differences)))
	r.metrics.checked.WithLabelValues("pending").Set(float64(check.Pending))
	r.metrics.checkDifference.Set(check.Cost().Float64()) // drawn, not added up
	for i, d := range check.Differences {
		if i == 10 {
			r.log.Error("rollup check: and more differences; see `tollkeeper rollup check`", "differences", len(check.Differences))
			break
		}
		r.log.Error("rollup check: a total differs from its parts", "window", d.Window, "what", d.What, "tenant", d.Tenant, "model", d.Model,
			"calls", d.Calls, "cost", d.Cost.String())
	}
	if len(check.Differences) == 0 {
		r.log.Info("rollup check: all totals equal a recomputation from calls", "windows", check.Windows, "pending", check.Pending)
	}
	return nil
}

func differing(all []Difference) int {
	windows := map[string]bool{}
	for _, d := range all {
		kind := "day"
		if d.What == string(Hour) {
			kind = "hour"
		}
		windows[kind+d.Window.String()] = true
	}
	return len(windows)
}
