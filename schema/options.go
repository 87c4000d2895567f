package schema

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Options say where the database keeps its bytes and for how long. They are applied by Apply and are not part of a
// migration's checksum: changing one is not a migration.
type Options struct {
	// Policy is the server's storage policy for all tables. A policy other than "default" must have volumes named warm
	// and cold if a class moves there; under "default" nothing moves.
	Policy    string    `yaml:"policy"`
	Retention Retention `yaml:"retention"`
	// AllowDrop and AllowMove let Apply change retention where that drops, or moves to a colder tier, what is stored already.
	AllowDrop bool `yaml:"-"`
	AllowMove bool `yaml:"-"`
	// Show is called with every change just before Apply makes it. May be nil.
	Show func(Change) `yaml:"-"`
	// Log gets one line per migration and per changed retention. May be nil.
	Log *slog.Logger `yaml:"-"`
}

// Retention is the life of each class of data.
type Retention struct {
	Reports    Class `yaml:"reports"`    // call_reports and settlements: what every number is explained by
	Spans      Class `yaml:"spans"`      // sampled payload
	Candidates Class `yaml:"candidates"` // reports that may be told of twice (settlement)
	Minute     Class `yaml:"minute"`     // cost_minute
	Hour       Class `yaml:"hour"`       // cost_hour
	Day        Class `yaml:"day"`        // cost_day
	HourBy     Class `yaml:"hour_by"`    // cost_hour_by
	DayBy      Class `yaml:"day_by"`     // cost_day_by

	// CloseAfterDays is how long after a month's end its books are closed. Reports must outlive that by 35 days.
	CloseAfterDays int `yaml:"close_after_days"`
}

// Class is the life of one class of data in days of age; 0 means never.
type Class struct {
	WarmAfterDays int `yaml:"warm_after_days"` // moved to volume warm
	ColdAfterDays int `yaml:"cold_after_days"` // moved to volume cold
	KeepDays      int `yaml:"keep_days"`       // dropped
	// ColdZSTD is the level of ZSTD with which parts are compressed again a day before they move to cold; 0: as they are. Of
	// spans only: other tables' columns have codecs of their own.
	ColdZSTD int `yaml:"cold_zstd"`
}

const (
	longestMonthDays = 31
	// LateDays is how late a report may still arrive after a period was closed (DESIGN D3, D9).
	LateDays = 35
	// DefaultPolicy is the storage policy of a server that was not configured for tiers.
	DefaultPolicy = "default"
)

// DefaultOptions keep reports 400 days in three tiers, spans 30 days, minutes and hours by dimension 90 days, hours three years and days for
// ever, on the storage policy "default".
func DefaultOptions() Options {
	return Options{
		Policy: DefaultPolicy,
		Retention: Retention{
			Reports:        Class{WarmAfterDays: 3, ColdAfterDays: 30, KeepDays: 400},
			Spans:          Class{WarmAfterDays: 3, ColdAfterDays: 14, KeepDays: 30, ColdZSTD: 12},
			Candidates:     Class{KeepDays: 40},
			Minute:         Class{KeepDays: 90},
			Hour:           Class{KeepDays: 1100},
			Day:            Class{},
			HourBy:         Class{KeepDays: 90},
			DayBy:          Class{KeepDays: 1100},
			CloseAfterDays: 10,
		},
	}
}

// Validate reports all problems at once, each with key, value and remedy.
func (o *Options) Validate() error {
	var errs []error
	if !identifier.MatchString(o.Policy) {
		errs = append(errs, fmt.Errorf("policy: %q is no name of a storage policy: use letters, digits and _, or %q", o.Policy, DefaultPolicy))
	}
	r := &o.Retention
	for _, c := range r.classes() {
		if err := c.class.validate(c.key); err != nil {
			errs = append(errs, err)
		}
	}
	if r.CloseAfterDays < 0 {
		errs = append(errs, fmt.Errorf("retention.close_after_days: %d is negative: use 0 or more days", r.CloseAfterDays))
	}
	if need := longestMonthDays + r.CloseAfterDays + LateDays; r.Reports.KeepDays != 0 && r.Reports.KeepDays < need {
		errs = append(errs, fmt.Errorf("retention.reports.keep_days: %d is too short to explain a month until it is closed and %d days after: "+
			"use at least %d (31 + close_after_days + %d), or 0 to keep all", r.Reports.KeepDays, LateDays, need, LateDays))
	}
	if keep := r.Candidates.KeepDays; keep != 0 && keep < LateDays+1 {
		errs = append(errs, fmt.Errorf("retention.candidates.keep_days: %d is shorter than the %d days a report may be late: use at least %d",
			keep, LateDays, LateDays+1))
	}
	if keep := r.Minute.KeepDays; keep != 0 && keep < LateDays+1 {
		errs = append(errs, fmt.Errorf("retention.minute.keep_days: %d is shorter than the %d days after which an hour may still be rolled up again: "+
			"use at least %d", keep, LateDays, LateDays+1))
	}
	if keep := r.HourBy.KeepDays; keep != 0 && keep < LateDays+2 {
		errs = append(errs, fmt.Errorf("retention.hour_by.keep_days: %d is shorter than the %d days after which a day may still be rolled up again: "+
			"use at least %d", keep, LateDays, LateDays+2))
	}
	if keep := r.Hour.KeepDays; keep != 0 && keep < LateDays+2 {
		errs = append(errs, fmt.Errorf("retention.hour.keep_days: %d is shorter than the %d days after which a day may still be rolled up again: "+
			"use at least %d", keep, LateDays, LateDays+2))
	}
	return errors.Join(errs...)
}

type keyedClass struct {
	key    string // as in the configuration and in the migrations' TTL map
	column string // the age column
	class  Class
}

func (r *Retention) classes() []keyedClass {
	return []keyedClass{
		{"reports", "minute", r.Reports},
		{"spans", "minute", r.Spans},
		{"candidates", "hour", r.Candidates},
		{"minute", "window", r.Minute},
		{"hour", "window", r.Hour},
		{"day", "window", r.Day},
		{"hour_by", "window", r.HourBy},
		{"day_by", "window", r.DayBy},
	}
}

// tables are the tables of each class; others are kept for ever where they are.
var tables = map[string]string{
	"call_reports": "reports", "settlements": "reports", "settle_candidates": "candidates", "spans": "spans",
	"cost_minute": "minute", "cost_hour": "hour", "cost_day": "day", "cost_hour_by": "hour_by", "cost_day_by": "day_by",
}

// ClassOf is the life of a table's rows; false for a table that retention does not touch.
func (r *Retention) ClassOf(table string) (Class, bool) {
	for _, c := range r.classes() {
		if c.key == tables[table] {
			return c.class, true
		}
	}
	return Class{}, false
}

func (c Class) validate(key string) error {
	var errs []error
	for _, f := range []struct {
		name string
		days int
	}{{"warm_after_days", c.WarmAfterDays}, {"cold_after_days", c.ColdAfterDays}, {"keep_days", c.KeepDays}} {
		if f.days < 0 || f.days > 36500 {
			errs = append(errs, fmt.Errorf("retention.%s.%s: %d is outside 0 … 36500 days: use 0 for never", key, f.name, f.days))
		}
	}
	if c.ColdZSTD < 0 || c.ColdZSTD > 22 {
		errs = append(errs, fmt.Errorf("retention.%s.cold_zstd: %d is no level of ZSTD: use 1 … 22, or 0 to leave parts as they are", key, c.ColdZSTD))
	}
	if c.ColdZSTD > 0 && key != "spans" {
		errs = append(errs, fmt.Errorf("retention.%s.cold_zstd: %d would change nothing: the columns have codecs of their own; use 0", key, c.ColdZSTD))
	}
	if c.WarmAfterDays > 0 && c.ColdAfterDays > 0 && c.ColdAfterDays <= c.WarmAfterDays {
		errs = append(errs, fmt.Errorf("retention.%s.cold_after_days: %d is not after warm_after_days %d: use a larger number or 0 for never",
			key, c.ColdAfterDays, c.WarmAfterDays))
	}
	if last := max(c.WarmAfterDays, c.ColdAfterDays); c.KeepDays > 0 && c.KeepDays <= last {
		errs = append(errs, fmt.Errorf("retention.%s.keep_days: %d is not after the last move at %d days: use a larger number or 0 for ever",
			key, c.KeepDays, last))
	}
	return errors.Join(errs...)
}

// ttl renders the class's TTL clause, or "" if data neither moves nor dies. Parts of spans are first compressed at their first
// merge: their columns leave it to the TTL (migration 19).
func (c Class) ttl(key, column string, tiers bool) string {
	var parts []string
	if key == "spans" {
		parts = append(parts, column+" RECOMPRESS CODEC(ZSTD(1))")
	}
	add := func(days int, what string) {
		if days > 0 {
			parts = append(parts, fmt.Sprintf("%s + INTERVAL %d DAY %s", column, days, what))
		}
	}
	if tiers {
		add(c.WarmAfterDays, "TO VOLUME 'warm'")
		if c.ColdZSTD > 0 && c.ColdAfterDays > 0 { // on the disk before, so that a bucket is written to once
			add(max(1, c.WarmAfterDays, c.ColdAfterDays-1), fmt.Sprintf("RECOMPRESS CODEC(ZSTD(%d))", c.ColdZSTD))
		}
		add(c.ColdAfterDays, "TO VOLUME 'cold'")
	}
	add(c.KeepDays, "DELETE")
	if len(parts) == 0 {
		return ""
	}
	clause := "TTL " + parts[0]
	for _, p := range parts[1:] {
		clause += ", " + p
	}
	return clause
}

// ReportsKept is how long reports are kept, 0 for ever.
func (r *Retention) ReportsKept() time.Duration {
	return time.Duration(r.Reports.KeepDays) * 24 * time.Hour
}

// SealedAfter is the age from which windows are never rolled up again, because what they are made of is about to be
// dropped: the shortest life of reports, minutes, hours and hours by dimension, less two days. 0 means never.
func (r *Retention) SealedAfter() time.Duration {
	shortest := 0
	for _, days := range []int{r.Reports.KeepDays, r.Minute.KeepDays, r.Hour.KeepDays, r.HourBy.KeepDays} {
		if days > 0 && (shortest == 0 || days < shortest) {
			shortest = days
		}
	}
	if shortest == 0 {
		return 0
	}
	return time.Duration(shortest-2) * 24 * time.Hour
}
