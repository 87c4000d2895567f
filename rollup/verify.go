package rollup

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

// How a day stands to what it is compared with.
const (
	DayEqual   = "equal"
	DayDiffers = "differs"
	DayPending = "pending" // changes are to be rolled up first
	DayAhead   = "ahead"   // it isn't over
	DayLater   = "later"   // equal but for what was booked for it after it was sealed
	DayExpired = "expired" // its totals have outlived their retention; the seal is what is left
	DayUnknown = "unknown" // its calls have expired and it wasn't sealed
	DayBefore  = "before"  // likewise, but no day before it is sealed either, and the books have nothing for it: the ledger began later
)

// Unlike is where something isn't what it was, or what its parts are.
type Unlike struct {
	Tenant string `json:"tenant"` // empty: of the whole month
	What   string `json:"what"`
	Is     string `json:"is"`
	Want   string `json:"want"` // what it was, or what its parts come to
}

// VerifiedDay is a day of a month, compared with its seal if it is sealed, else with its calls.
type VerifiedDay struct {
	Day     string     `json:"day"`
	State   string     `json:"state"`
	Against string     `json:"against,omitempty"` // seal or calls
	Sealed  *time.Time `json:"sealed,omitempty"`
	Calls   int64      `json:"calls"`
	Cost    string     `json:"cost"`
	Unlike  []Unlike   `json:"unlike,omitempty"`
}

// Verified is a month as it stands to its evidence.
type Verified struct {
	Month  string        `json:"month"`
	State  string        `json:"state"` // of the period
	Seal   string        `json:"seal,omitempty"`
	Days   []VerifiedDay `json:"days"`
	Unlike []Unlike      `json:"unlike,omitempty"` // of the month, to what it was closed on
}

// Count is how many days have a state.
func (v *Verified) Count(state string) (n int) {
	for i := range v.Days {
		if v.Days[i].State == state {
			n++
		}
	}
	return n
}

// Sealed is how many days are sealed.
func (v *Verified) Sealed() (n int) {
	for i := range v.Days {
		if v.Days[i].Sealed != nil {
			n++
		}
	}
	return n
}

// Verify recomputes a month's days from the rows that are kept and compares: a sealed day with its seal, another one with its
// calls, a closed month's totals with what it was closed on. It changes nothing. told may be nil.
func (r *Rollup) Verify(ctx context.Context, month time.Time, told func(Progress)) (Verified, error) {
	v := Verified{Month: month.Format("2006-01")}
	if err := r.loadSealed(ctx); err != nil {
		return v, err
	}
	p, err := r.Period(ctx, month)
	if err != nil {
		return v, err
	}
	v.State = p.State
	end := month.AddDate(0, 1, 0)
	seals, err := r.Seals(ctx, month, end)
	if err != nil {
		return v, err
	}
	began, err := r.firstSealed(ctx)
	if err != nil {
		return v, err
	}
	byDay := map[time.Time]*DaySeal{}
	for i := range seals {
		byDay[seals[i].Day] = &seals[i]
	}
	busy, err := r.occupied(ctx, month, end)
	if err != nil {
		return v, err
	}
	done := 0
	for day := month; day.Before(end); day = day.AddDate(0, 0, 1) {
		if busy.days[day] {
			Progress{"verify", day, done, len(busy.days)}.tell(told)
			done++
		}
		d, err := r.verifyDay(ctx, day, byDay[day], busy.days[day])
		if err != nil {
			return v, fmt.Errorf("verify %s: %w", day.Format(time.DateOnly), err)
		}
		if d.State == DayUnknown && !busy.days[day] && day.Before(began) {
			d.State = DayBefore
		}
		v.Days = append(v.Days, d)
	}
	if len(seals) == len(v.Days) {
		v.Seal = sealOf(seals)
	}
	if p.State == "closed" && p.Evidence != "" && v.Count(DayExpired) == 0 {
		if v.Unlike, err = r.unlikeClosed(ctx, p); err != nil {
			return v, fmt.Errorf("verify %s: %w", v.Month, err)
		}
	}
	return v, nil
}

// firstSealed is the first day that is sealed; the year 1 where none is.
func (r *Rollup) firstSealed(ctx context.Context) (time.Time, error) {
	var day time.Time
	var seals uint64
	if err := r.conn.QueryRow(ctx, schema.SQL("seal/first")).Scan(&day, &seals); err != nil {
		return day, fmt.Errorf("read which day was sealed first: %w", err)
	}
	if seals == 0 {
		return time.Time{}, nil
	}
	return day.UTC(), nil
}

// verifyDay compares a day; one that isn't busy has neither totals, calls, adjustments nor marks.
func (r *Rollup) verifyDay(ctx context.Context, day time.Time, seal *DaySeal, busy bool) (d VerifiedDay, err error) {
	next := day.AddDate(0, 0, 1)
	d = VerifiedDay{Day: day.Format(time.DateOnly), State: DayEqual, Cost: ledger.Sum{}.String()}
	if next.After(r.now()) {
		d.State = DayAhead
		return d, nil
	}
	now := map[string]DayTotal{}
	if busy {
		if now, err = r.dayTotals(ctx, day); err != nil {
			return d, err
		}
	}
	whole := wholeOf(now)
	d.Calls, d.Cost = whole.Calls, whole.Cost.String()
	if seal != nil {
		d.Against, d.Sealed = "seal", &seal.At
		r.verifySealed(&d, day, now, seal)
		return d, nil
	}
	if day.Before(r.expiredBefore()) {
		d.State = DayUnknown
		return d, nil
	}
	if d.Against = "calls"; !busy {
		return d, nil
	}
	var pending uint64
	if err := r.conn.QueryRow(ctx, schema.SQL("seal/pending"), named("from", day), named("to", next)).Scan(&pending); err != nil {
		return d, fmt.Errorf("look for pending marks: %w", err)
	}
	if pending > 0 {
		d.State = DayPending
		return d, nil
	}
	if err := r.ledgerTotals(ctx, day, now); err != nil {
		return d, err
	}
	for _, tenant := range slices.Sorted(maps.Keys(now)) {
		t := now[tenant]
		d.Unlike = append(d.Unlike, t.inside(tenant)...)
		if !t.proved() {
			calls, cost := t.booked()
			what := "the books and the calls"
			if t.missing() {
				what = "the books and the calls, of which rows are missing"
			}
			d.Unlike = append(d.Unlike, Unlike{tenant, what, text(calls, cost), text(t.LedgerCalls, t.LedgerCost)})
		}
	}
	if len(d.Unlike) > 0 {
		d.State = DayDiffers
	}
	return d, nil
}

func text(calls int64, cost ledger.Sum) string { return fmt.Sprintf("%d calls, %s USD", calls, cost) }

// inside compares the hours with the day.
func (t *DayTotal) inside(tenant string) []Unlike {
	if t.HourCalls == t.Calls && t.HourCost.Cmp(t.Cost) == 0 {
		return nil
	}
	return []Unlike{{tenant, "the day and its hours", text(t.Calls, t.Cost), text(t.HourCalls, t.HourCost)}}
}

// verifySealed compares a day with its seal. Rows that have outlived their retention can't be compared; the seal's can.
func (r *Rollup) verifySealed(d *VerifiedDay, day time.Time, now map[string]DayTotal, seal *DaySeal) {
	over := func(kept time.Duration) bool { return kept > 0 && day.Add(kept).Before(r.now()) }
	hoursOver, dayOver := over(r.cfg.HoursKept), over(r.cfg.DaysKept)
	if dayOver {
		d.State = DayExpired
	}
	whole := wholeOf(seal.Tenants)
	if whole.Calls != seal.Whole.Calls || whole.Cost.Cmp(seal.Whole.Cost) != 0 || whole.HoursDigest != seal.Whole.HoursDigest || whole.DayDigest != seal.Whole.DayDigest {
		d.Unlike = append(d.Unlike, Unlike{"", "the seal of the day and those of its tenants", text(seal.Whole.Calls, seal.Whole.Cost), text(whole.Calls, whole.Cost)})
	}
	tenants := maps.Clone(now)
	maps.Copy(tenants, seal.Tenants)
	for _, tenant := range slices.Sorted(maps.Keys(tenants)) {
		is, was := now[tenant], seal.Tenants[tenant]
		unlike := func(what, is, was string) { d.Unlike = append(d.Unlike, Unlike{tenant, what, is, was}) }
		if !dayOver {
			switch {
			case is.Calls != was.Calls || is.Cost.Cmp(was.Cost) != 0:
				unlike("the day's totals", text(is.Calls, is.Cost), text(was.Calls, was.Cost))
			case is.DayDigest != was.DayDigest:
				unlike("the rows of the day, of the same sum", short(is.DayDigest), short(was.DayDigest))
			}
		}
		if !hoursOver {
			if !dayOver {
				d.Unlike = append(d.Unlike, is.inside(tenant)...)
			}
			if is.HoursDigest != was.HoursDigest {
				unlike("the rows of the hours", short(is.HoursDigest), short(was.HoursDigest))
			}
		}
		if is.AdjustedCalls != was.AdjustedCalls || is.Adjusted.Cmp(was.Adjusted) != 0 {
			if seal.Later {
				if d.State == DayEqual {
					d.State = DayLater
				}
			} else {
				unlike("what was booked for the day", text(is.AdjustedCalls, is.Adjusted), text(was.AdjustedCalls, was.Adjusted))
			}
		}
		if !was.proved() {
			calls, cost := was.booked()
			unlike("the books and the calls, when it was sealed", text(calls, cost), text(was.LedgerCalls, was.LedgerCost))
		}
	}
	if len(d.Unlike) > 0 {
		d.State = DayDiffers
	}
}

func short(digest string) string {
	if digest == "" {
		return "none"
	}
	return digest[:16]
}

// sealOf is one digest over the seals of a month's days: what finance may write down elsewhere.
func sealOf(seals []DaySeal) string {
	all := map[string]DayTotal{}
	for _, s := range seals {
		all[fmt.Sprintf("%s %d %s %d %s", s.Day.Format(time.DateOnly), s.Whole.Calls, s.Whole.Cost, s.Whole.AdjustedCalls, s.Whole.Adjusted)] = s.Whole
	}
	whole := wholeOf(all)
	return short(whole.HoursDigest) + short(whole.DayDigest)
}

// unlikeClosed compares a closed month's totals with what it was closed on.
func (r *Rollup) unlikeClosed(ctx context.Context, p Period) (out []Unlike, err error) {
	var e Evidence
	if err := json.Unmarshal([]byte(p.Evidence), &e); err != nil {
		return nil, fmt.Errorf("read what it was closed on: %w", err)
	}
	var calls, unpriced uint64
	var cost, hash, adjusted string
	err = r.conn.QueryRow(ctx, schema.SQL("books/totals"), named("from", p.Month), named("to", p.Month.AddDate(0, 1, 0))).Scan(&calls, &cost, &unpriced, &hash, &adjusted)
	if err != nil {
		return nil, fmt.Errorf("add up the month: %w", err)
	}
	for _, c := range []struct{ what, is, was string }{
		{"the month's total", fmt.Sprint(calls, " calls, ", cost, " USD"), fmt.Sprint(p.Calls, " calls, ", p.Cost, " USD")},
		{"unpriced calls", fmt.Sprint(unpriced), fmt.Sprint(e.Unpriced)},
		{"the totals by tenant and model", hash, e.Hash},
		{"what was booked in the month for others", adjusted, e.Adjusted},
	} {
		if c.is != c.was {
			out = append(out, Unlike{"", c.what + ", since it was closed", c.is, c.was})
		}
	}
	return out, nil
}
