package rollup

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

// DayTotal is what one day came to, of a tenant or of all.
type DayTotal struct {
	Calls         int64 // of the day's totals
	Cost          ledger.Sum
	HourCalls     int64 // of its hours, which have to add up to the day
	HourCost      ledger.Sum
	AdjustedCalls int64 // booked for it by the books, in whatever month
	Adjusted      ledger.Sum
	LedgerCalls   int64 // of its calls
	LedgerCost    ledger.Sum
	Reports       int64
	HoursDigest   string // SHA-256 of the sorted SHA-256 of the rows of its hours
	DayDigest     string // and of its day's
}

func (t DayTotal) booked() (int64, ledger.Sum) {
	return t.Calls + t.AdjustedCalls, t.Cost.Add(t.Adjusted)
}

// proved reports whether the books equal the ledger.
func (t DayTotal) proved() bool {
	calls, cost := t.booked()
	return calls == t.LedgerCalls && cost.Cmp(t.LedgerCost) == 0
}

// missing reports whether there are fewer reports than calls in the books: then rows have gone that were there once.
func (t DayTotal) missing() bool {
	calls, _ := t.booked()
	return calls > t.Reports
}

// DaySeal is the evidence of a sealed day.
type DaySeal struct {
	Day     time.Time
	N       uint32 // how often it was sealed
	At      time.Time
	Later   bool // the books committed something for the day after it was sealed
	Whole   DayTotal
	Tenants map[string]DayTotal
}

// sealLevel names days that are sealed in errors and to tests; it isn't one of Levels.
const sealLevel Level = "seal"

// The steps of sealing, in order, beside those of the books.
const (
	afterFreeze = "freeze"
	afterSeal   = "write the seal" // after the marks: a stop between leaves marks, for which the day waits
)

// clockSealed is the first day that isn't sealed by the clock.
func (r *Rollup) clockSealed() time.Time {
	if r.cfg.SealedAfter == 0 {
		return startOfTime
	}
	return Day.start(r.now().Add(-r.cfg.SealedAfter))
}

// loadSealed reads up to where days are sealed: what was sealed once stays so, whatever the retention is now.
func (r *Rollup) loadSealed(ctx context.Context) error {
	var until time.Time
	if err := r.conn.QueryRow(ctx, schema.SQL("seal/until")).Scan(&until); err != nil {
		return fmt.Errorf("read which days are sealed: %w", err)
	}
	r.sealedTo.Store(until.Unix())
	return nil
}

// seal writes the evidence of each day that is old enough to be never rewritten and whose rows are all there still
// (docs/adr/0026-sealing.md). A day with changes pending waits.
func (r *Rollup) seal(ctx context.Context, stop <-chan struct{}) (Stats, error) {
	var stats Stats
	if r.cfg.SealedAfter == 0 {
		return stats, nil
	}
	waiting, different := 0, 0
	for day := Day.start(r.expiredBefore().Add(24*time.Hour - time.Second)); day.Before(r.clockSealed()); day = day.AddDate(0, 0, 1) {
		select {
		case <-stop:
			return stats, nil
		default:
		}
		s, did, err := r.sealDay(ctx, day)
		if err != nil {
			return stats, fmt.Errorf("seal %s: %w", day.Format(time.DateOnly), err)
		}
		switch {
		case s == nil:
			waiting++
		case !s.proved():
			different++
		}
		if did {
			stats.Windows++
		}
	}
	r.noteBacklog(jobSeal, uint64(waiting))
	r.metrics.unsealed.WithLabelValues("waiting").Set(float64(waiting))
	r.metrics.unsealed.WithLabelValues("different").Set(float64(different))
	return stats, nil
}

func (s *DaySeal) proved() bool {
	for _, t := range s.Tenants {
		if !t.proved() {
			return false
		}
	}
	return true
}

// sealDay seals a day unless it is sealed, and again if something was booked for it since. It returns nil if the day has to wait.
func (r *Rollup) sealDay(ctx context.Context, day time.Time) (*DaySeal, bool, error) {
	next := day.AddDate(0, 0, 1)
	span := []any{named("from", day), named("to", next)}
	before, err := r.Seals(ctx, day, next)
	if err != nil {
		return nil, false, err
	}
	s := &DaySeal{Day: day, N: 1}
	if len(before) > 0 {
		if !before[0].Later {
			return &before[0], false, nil
		}
		s.N = before[0].N + 1
	}
	var pending uint64
	if err := r.conn.QueryRow(ctx, schema.SQL("seal/pending"), span...).Scan(&pending); err != nil {
		return nil, false, fmt.Errorf("look for pending marks: %w", err)
	}
	if pending > 0 {
		return nil, false, nil
	}
	err = r.steps(window{level: sealLevel, start: day}, []bookStep{
		{afterFreeze, func() error {
			p, err := r.periods(ctx)
			if err != nil || p.closed[monthOf(day)] { // then it is frozen
				return err
			}
			return r.freezeWindows(ctx, day, next, rand.Uint64(), nil)
		}},
		{afterMarked, func() error {
			// The seal's time is before what it says, so that what is booked in between has it sealed again.
			if err := r.conn.QueryRow(ctx, "SELECT now64(3)").Scan(&s.At); err != nil {
				return err
			}
			if s.Tenants, err = r.dayTotals(ctx, day); err != nil {
				return err
			}
			if err := r.ledgerTotals(ctx, day, s.Tenants); err != nil {
				return err
			}
			s.Whole = wholeOf(s.Tenants)
			return r.unproved(ctx, s)
		}},
		{afterSeal, func() error { return r.writeSeal(ctx, s) }},
	})
	return s, err == nil, err
}

// unproved looks at what doesn't equal the ledger. Calls that no mark ever told of are booked as adjustments, and the day is
// sealed again after that. Rows that are missing are never booked.
func (r *Rollup) unproved(ctx context.Context, s *DaySeal) error {
	again := false
	for _, tenant := range slices.Sorted(maps.Keys(s.Tenants)) {
		t := s.Tenants[tenant]
		if t.proved() {
			continue
		}
		calls, cost := t.booked()
		log := r.log.With("day", s.Day.Format(time.DateOnly), "tenant", tenant, "booked_calls", calls, "booked", cost.String(), "calls", t.LedgerCalls, "cost", t.LedgerCost.String())
		switch {
		case t.missing():
			log.Error("rollup seal: rows of calls are missing; the books keep what they had", "reports", t.Reports)
		case s.N == 1:
			again = true
			log.Warn("rollup seal: the books differ from the calls; the day is adjusted and sealed again")
		default:
			log.Error("rollup seal: the books differ from the calls")
		}
	}
	if !again {
		return nil
	}
	return r.conn.Exec(ctx, schema.SQL("seal/mark"), named("from", s.Day), named("to", s.Day.AddDate(0, 0, 1)))
}

// dayTotals are what the books say of a day, by tenant.
func (r *Rollup) dayTotals(ctx context.Context, day time.Time) (map[string]DayTotal, error) {
	rows, err := r.conn.Query(ctx, schema.SQL("seal/books"), named("from", day), named("to", day.AddDate(0, 0, 1)))
	if err != nil {
		return nil, fmt.Errorf("add up the day: %w", err)
	}
	defer rows.Close()
	out := map[string]DayTotal{}
	for rows.Next() {
		var tenant, what, cost, digest string
		var calls int64
		if err := rows.Scan(&tenant, &what, &calls, &cost, &digest); err != nil {
			return nil, fmt.Errorf("add up the day: %w", err)
		}
		sum, err := ledger.ParseSum(cost)
		if err != nil {
			return nil, fmt.Errorf("add up the day: %w", err)
		}
		t := out[tenant]
		switch what {
		case "hour":
			t.HourCalls, t.HourCost, t.HoursDigest = calls, sum, digest
		case "day":
			t.Calls, t.Cost, t.DayDigest = calls, sum, digest
		case "adjusted":
			t.AdjustedCalls, t.Adjusted = calls, sum
		}
		out[tenant] = t
	}
	return out, rows.Err()
}

// ledgerTotals adds what the day's calls come to.
func (r *Rollup) ledgerTotals(ctx context.Context, day time.Time, out map[string]DayTotal) error {
	rows, err := r.conn.Query(ctx, schema.SQL("seal/ledger"), named("from", day), named("to", day.AddDate(0, 0, 1)))
	if err != nil {
		return fmt.Errorf("add up the day's calls: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var tenant, cost string
		var calls, reports uint64
		if err := rows.Scan(&tenant, &calls, &cost, &reports); err != nil {
			return fmt.Errorf("add up the day's calls: %w", err)
		}
		t := out[tenant]
		if t.LedgerCost, err = ledger.ParseSum(cost); err != nil {
			return fmt.Errorf("add up the day's calls: %w", err)
		}
		t.LedgerCalls, t.Reports = int64(calls), int64(reports)
		out[tenant] = t
	}
	return rows.Err()
}

func wholeOf(tenants map[string]DayTotal) (w DayTotal) {
	hours, day := sha256.New(), sha256.New()
	for _, name := range slices.Sorted(maps.Keys(tenants)) {
		t := tenants[name]
		w.Calls, w.Cost = w.Calls+t.Calls, w.Cost.Add(t.Cost)
		w.HourCalls, w.HourCost = w.HourCalls+t.HourCalls, w.HourCost.Add(t.HourCost)
		w.AdjustedCalls, w.Adjusted = w.AdjustedCalls+t.AdjustedCalls, w.Adjusted.Add(t.Adjusted)
		w.LedgerCalls, w.LedgerCost = w.LedgerCalls+t.LedgerCalls, w.LedgerCost.Add(t.LedgerCost)
		w.Reports += t.Reports
		fmt.Fprintf(hours, "%q %s\n", name, t.HoursDigest)
		fmt.Fprintf(day, "%q %s\n", name, t.DayDigest)
	}
	w.HoursDigest, w.DayDigest = hex.EncodeToString(hours.Sum(nil)), hex.EncodeToString(day.Sum(nil))
	return w
}

// writeSeal writes all rows of a seal as one part.
func (r *Rollup) writeSeal(ctx context.Context, s *DaySeal) error {
	batch, err := r.conn.PrepareBatch(ctx, schema.SQL("seal/insert"))
	if err != nil {
		return err
	}
	worker := rand.Uint64()
	row := func(tenant string, t DayTotal) error {
		return batch.Append(s.Day, s.N, worker, tenant, uint64(t.Calls), t.Cost.String(), t.AdjustedCalls, t.Adjusted.String(), uint64(t.LedgerCalls),
			t.LedgerCost.String(), uint64(t.Reports), t.HoursDigest, t.DayDigest, s.At)
	}
	err = row("", s.Whole)
	for _, tenant := range slices.Sorted(maps.Keys(s.Tenants)) {
		err = cmp.Or(err, row(tenant, s.Tenants[tenant]))
	}
	if err != nil {
		_ = batch.Abort()
		return err
	}
	return batch.Send()
}

// Seals are the seals of the days of [from, to).
func (r *Rollup) Seals(ctx context.Context, from, to time.Time) ([]DaySeal, error) {
	rows, err := r.conn.Query(ctx, schema.SQL("seal/read"), named("from", from), named("to", to))
	if err != nil {
		return nil, fmt.Errorf("read the seals: %w", err)
	}
	defer rows.Close()
	var out []DaySeal
	for rows.Next() {
		var s DaySeal
		var tenant, cost, adjusted, ledgerCost string
		var calls, ledgerCalls, reports uint64
		var t DayTotal
		err := rows.Scan(&s.Day, &s.N, &tenant, &calls, &cost, &t.AdjustedCalls, &adjusted, &ledgerCalls, &ledgerCost, &reports,
			&t.HoursDigest, &t.DayDigest, &s.At, &s.Later)
		for _, m := range []struct {
			text string
			to   *ledger.Sum
		}{{cost, &t.Cost}, {adjusted, &t.Adjusted}, {ledgerCost, &t.LedgerCost}} {
			if err == nil {
				*m.to, err = ledger.ParseSum(m.text)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("read the seals: %w", err)
		}
		t.Calls, t.LedgerCalls, t.Reports = int64(calls), int64(ledgerCalls), int64(reports)
		s.Day = s.Day.UTC()
		if len(out) == 0 || !out[len(out)-1].Day.Equal(s.Day) {
			s.Tenants = map[string]DayTotal{}
			out = append(out, s)
		}
		if last := &out[len(out)-1]; tenant == "" {
			last.Whole = t
		} else {
			last.Tenants[tenant] = t
		}
	}
	return out, rows.Err()
}
