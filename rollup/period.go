package rollup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

// Period is a month as it stands.
type Period struct {
	Month                       time.Time
	State, Author, Reason, Cost string
	Calls                       uint64
	Evidence                    string
	Since                       time.Time
	Sealed                      uint8 // days that are sealed
}

// Evidence is what a month was closed on.
type Evidence struct {
	Hash       string `json:"totals_hash"` // sipHash64 over the sorted lines "tenant provider model calls cost"
	Unpriced   uint64 `json:"unpriced_calls"`
	Adjusted   string `json:"adjustments_booked"` // booked in this month, for other days
	Pending    uint64 `json:"pending_windows"`
	Checked    int    `json:"sums_checked"` // of days: against their calls, against their hours
	Difference string `json:"check_difference"`
}

// Closing says which month is to be closed, by whom and why.
type Closing struct {
	Month          time.Time // its first day
	Author, Reason string
	Grace          time.Duration  // how long after its end it may be closed
	Force          bool           // although it isn't over, marks are pending or the check finds a difference
	Progress       func(Progress) // may be nil
}

// Progress is how far a month is whose days are gone through.
type Progress struct {
	Doing      string // to the day
	Day        time.Time
	Done, Days int // of those with anything to do
}

func (p Progress) tell(to func(Progress)) {
	if to != nil {
		to(p)
	}
}

// ErrNotClosable is why a month isn't closed.
var ErrNotClosable = errors.New("the month can't be closed")

// Close freezes a month: no window of it is rewritten from here on, what comes later is an adjustment. A closing that was
// stopped is finished by the next one.
func (r *Rollup) Close(ctx context.Context, c Closing) (Period, error) {
	from, to := c.Month, c.Month.AddDate(0, 1, 0)
	p, err := r.Period(ctx, from)
	if err != nil {
		return p, err
	}
	if p.State == "closed" && p.Evidence != "" {
		return p, fmt.Errorf("%s: it is closed since %s by %s (%w)", from.Format("2006-01"), p.Since.Format(time.RFC3339), p.Author, ErrNotClosable)
	}
	evidence := Evidence{Difference: "not checked"}
	var adjusting uint64
	var rerating uint16
	if err := r.conn.QueryRow(ctx, schema.SQL("books/pending"), named("from", from), named("to", to)).Scan(&evidence.Pending, &adjusting, &rerating); err != nil {
		return p, fmt.Errorf("close %s: look for pending marks: %w", from.Format("2006-01"), err)
	}
	if !c.Force && p.State != "closed" { // a closing that was stopped is only finished: its hours wait for it
		if err := r.closable(ctx, c, &evidence, adjusting, rerating); err != nil {
			return p, err
		}
	}
	if err := r.put(ctx, from, "closed", c.Author, c.Reason, "0", 0, ""); err != nil {
		return p, err
	}
	if err := r.freeze(ctx, from, to, c.Progress); err != nil {
		return p, fmt.Errorf("close %s: freeze: %w; close it again to go on", from.Format("2006-01"), err)
	}
	var calls uint64
	var cost string
	if err := r.conn.QueryRow(ctx, schema.SQL("books/totals"), named("from", from), named("to", to)).Scan(&calls, &cost, &evidence.Unpriced, &evidence.Hash, &evidence.Adjusted); err != nil {
		return p, fmt.Errorf("close %s: add up: %w", from.Format("2006-01"), err)
	}
	text, err := json.Marshal(evidence)
	if err != nil {
		return p, err
	}
	if err := r.put(ctx, from, "closed", c.Author, c.Reason, cost, calls, string(text)); err != nil {
		return p, err
	}
	return r.Period(ctx, from)
}

func (r *Rollup) closable(ctx context.Context, c Closing, e *Evidence, adjusting uint64, rerating uint16) error {
	name, to := c.Month.Format("2006-01"), c.Month.AddDate(0, 1, 0)
	var errs []error
	if open := to.Add(c.Grace); r.now().Before(open) {
		errs = append(errs, fmt.Errorf("%s: it may be closed from %s on (its end and %s of grace)", name, open.Format(time.RFC3339), c.Grace))
	}
	if e.Pending > 0 || adjusting > 0 {
		errs = append(errs, fmt.Errorf("%s: %d windows and %d hours of adjustments are still to be done: wait for rollup, or run `tollkeeper rollup --once`", name, e.Pending, adjusting))
	}
	if rerating != 0 {
		errs = append(errs, fmt.Errorf("%s: re-rate %d is at it: let it finish, or `tollkeeper rerate resume`, or `tollkeeper rerate abandon`", name, rerating))
	}
	if len(errs) == 0 {
		check, err := r.recomputeDays(ctx, c.Month, to, c.Progress)
		if err != nil {
			return err
		}
		e.Checked, e.Difference = check.Windows, check.Cost().String()
		if n := len(check.Differences); n > 0 {
			errs = append(errs, fmt.Errorf("%s: %d totals differ from their calls, by %s USD: see `tollkeeper period verify %s`", name, n, check.Cost(), name))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%w: %w; --force closes it all the same", ErrNotClosable, err)
	}
	return nil
}

// recomputeDays adds up the calls of every day again, and its hours. Day by day it takes a month a few seconds beside what
// reading the calls takes; the nightly check has done it by hours. A sealed day is compared with its seal.
func (r *Rollup) recomputeDays(ctx context.Context, from, to time.Time, told func(Progress)) (Check, error) {
	var check Check
	if err := r.loadSealed(ctx); err != nil {
		return check, err
	}
	busy, err := r.occupied(ctx, from, to)
	if err != nil {
		return check, err
	}
	sealed, err := r.Seals(ctx, from, to)
	if err != nil {
		return check, err
	}
	seals := map[time.Time]*DaySeal{}
	for i := range sealed {
		seals[sealed[i].Day] = &sealed[i]
	}
	done := 0
	for day := from; day.Before(to); day = day.AddDate(0, 0, 1) {
		if busy.days[day] {
			Progress{"compare with its calls", day, done, len(busy.days)}.tell(told)
			done++
		}
		if !busy.days[day] && !day.Before(r.sealedBefore()) {
			check.Windows += 2
			continue
		}
		if day.Before(r.sealedBefore()) {
			if err := r.recomputeSealed(ctx, day, seals[day], busy.days[day], &check); err != nil {
				return check, err
			}
			continue
		}
		for _, query := range []string{"rollup/check_hour", "rollup/check_day"} {
			found, err := r.differences(ctx, query, day, day.AddDate(0, 0, 1))
			if err != nil {
				return check, err
			}
			check.Windows++
			check.Differences = append(check.Differences, found...)
		}
	}
	return check, nil
}

func (r *Rollup) recomputeSealed(ctx context.Context, day time.Time, seal *DaySeal, busy bool, check *Check) error {
	d, err := r.verifyDay(ctx, day, seal, busy)
	if err != nil {
		return err
	}
	check.Windows++
	for _, u := range d.Unlike {
		check.Differences = append(check.Differences, Difference{Window: day, What: u.What, Tenant: u.Tenant})
	}
	if d.State == DayUnknown && d.Calls > 0 {
		check.Differences = append(check.Differences, Difference{Window: day, What: "its calls have expired and it wasn't sealed", Calls: d.Calls})
	}
	return nil
}

// freeze writes the month's hours and days again, and the adjustments booked in it, under revisions above every claim of a
// worker that doesn't know yet that the month is closed.
func (r *Rollup) freeze(ctx context.Context, from, to time.Time, told func(Progress)) error {
	worker := rand.Uint64()
	if err := r.freezeWindows(ctx, from, to, worker, told); err != nil {
		return err
	}
	args := []any{named("worker", worker)}
	if err := r.conn.Exec(ctx, schema.SQL("books/freeze_adjust_claim"), append(args, named("month", from.Format(time.DateOnly)))...); err != nil {
		return err
	}
	if err := r.conn.Exec(ctx, schema.SQL("books/freeze_adjust"), args...); err != nil {
		return err
	}
	return r.conn.Exec(ctx, schema.SQL("books/freeze_adjust_commit"), args...)
}

// freezeWindows writes the hours and days of [from, to), whole days, again under revisions above every claim.
func (r *Rollup) freezeWindows(ctx context.Context, from, to time.Time, worker uint64, told func(Progress)) error {
	span := []any{named("from", from), named("to", to), named("worker", worker)}
	of := func(l Level, more ...any) []any {
		return append(append([]any{named("level", string(l))}, span...), more...)
	}
	exec := func(query string, args ...any) error { return r.conn.Exec(ctx, schema.SQL(query), args...) }
	if err := exec("books/freeze_claim", of(Hour, named("step", uint32(3600)))...); err != nil {
		return err
	}
	if err := exec("books/freeze_hours", span...); err != nil {
		return err
	}
	if err := exec("books/freeze_commit", of(Hour)...); err != nil {
		return err
	}
	if err := exec("books/freeze_claim", of(Day, named("step", uint32(86400)))...); err != nil {
		return err
	}
	if err := r.freezeDays(ctx, of(Day), told); err != nil {
		return err
	}
	if err := exec("books/freeze_commit", of(Day)...); err != nil {
		return err
	}
	return r.publishAlso(ctx, spanBetween(from, to))
}

// freezeDays makes each day that has calls from its frozen hours; of the others nothing is written.
func (r *Rollup) freezeDays(ctx context.Context, args []any, told func(Progress)) error {
	type claim struct {
		day time.Time
		n   uint64
	}
	var claims []claim
	rows, err := r.conn.Query(ctx, schema.SQL("books/freeze_claims"), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var c claim
		if err := rows.Scan(&c.day, &c.n); err != nil {
			return err
		}
		claims = append(claims, c)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	worker := args[3]
	for i, c := range claims {
		Progress{"freeze", c.day, i, len(claims)}.tell(told)
		if err := r.conn.Exec(ctx, schema.SQL("rollup/day"), named("from", c.day), named("to", c.day.Add(24*time.Hour)), named("n", c.n), worker); err != nil {
			return err
		}
	}
	return nil
}

// Reopen lets a month's windows be rewritten again; what was booked for them elsewhere is taken back. On a month that is
// reopened already it only asks for the rewriting again.
func (r *Rollup) Reopen(ctx context.Context, month time.Time, author, reason string) (Period, error) {
	p, err := r.Period(ctx, month)
	if err != nil {
		return p, err
	}
	switch p.State {
	case "open":
		return p, fmt.Errorf("%s: it is open", month.Format("2006-01"))
	case "closed":
		if p.Evidence == "" { // hours may wait for its freeze, and would do so for ever
			name := month.Format("2006-01")
			return p, fmt.Errorf("%s: its closing was stopped or still runs: let `tollkeeper period close %s --reason …` finish it, then reopen it", name, name)
		}
		if err := r.put(ctx, month, "reopened", author, reason, p.Cost, p.Calls, p.Evidence); err != nil {
			return p, err
		}
	}
	span := []any{named("from", month), named("to", month.AddDate(0, 1, 0))}
	for _, query := range []string{"books/mark_adjusted", "books/mark_hours"} {
		if err := r.conn.Exec(ctx, schema.SQL(query), span...); err != nil {
			return p, fmt.Errorf("reopen %s: %w; reopen it again to go on", month.Format("2006-01"), err)
		}
	}
	if err := r.publishAlso(ctx, spanBetween(month, month.AddDate(0, 1, 0))); err != nil {
		return p, err
	}
	return r.Period(ctx, month)
}

func (r *Rollup) put(ctx context.Context, month time.Time, state, author, reason, cost string, calls uint64, evidence string) error {
	err := r.conn.Exec(ctx, schema.SQL("books/put"), named("month", month.Format(time.DateOnly)), named("state", state), named("author", author),
		named("reason", reason), named("cost", cost), named("calls", calls), named("evidence", evidence))
	if err != nil {
		return fmt.Errorf("write period %s: %w", month.Format("2006-01"), err)
	}
	return nil
}

// Period is one month.
func (r *Rollup) Period(ctx context.Context, month time.Time) (Period, error) {
	all, err := r.Periods(ctx)
	for _, p := range all {
		if p.Month.Equal(month) {
			return p, err
		}
	}
	return Period{Month: month, State: "open", Cost: ledger.Sum{}.String()}, err
}

// Periods are all months that were ever closed or have sealed days.
func (r *Rollup) Periods(ctx context.Context) ([]Period, error) {
	rows, err := r.conn.Query(ctx, schema.SQL("books/status"))
	if err != nil {
		return nil, fmt.Errorf("read the periods: %w", err)
	}
	defer rows.Close()
	var out []Period
	for rows.Next() {
		var p Period
		if err := rows.Scan(&p.Month, &p.State, &p.Author, &p.Reason, &p.Cost, &p.Calls, &p.Evidence, &p.Since, &p.Sealed); err != nil {
			return nil, fmt.Errorf("read the periods: %w", err)
		}
		if p.Month = p.Month.UTC(); p.State == "open" {
			p.Since = time.Time{}
		}
		out = append(out, p)
	}
	return out, rows.Err()
}
