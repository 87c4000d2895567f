package rollup

import (
	"errors"
	"fmt"
	"time"

	"github.com/tollkeeper/tollkeeper/internal/schedule"
	"github.com/tollkeeper/tollkeeper/schema"
)

// Config says when the jobs run. Schedules are cron expressions in UTC, with optional seconds, or @every and a duration.
type Config struct {
	Minute    string `yaml:"minute"`    // open minutes
	Hour      string `yaml:"hour"`      // hours with marks
	Day       string `yaml:"day"`       // days with marks
	HourBy    string `yaml:"hour_by"`   // spend by dimension, of hours with marks; takes at most 2 % of a core
	DayBy     string `yaml:"day_by"`    // spend by dimension, of days with marks
	Late      string `yaml:"late"`      // minutes older than open_for
	Summarize string `yaml:"summarize"` // sums up, for boards, the windows that are over, by tenant alone and by model alone
	Adjust    string `yaml:"adjust"`    // books what came into closed or sealed windows
	Seal      string `yaml:"seal"`      // keeps evidence of days whose rows are about to expire; at least once in 12 hours
	Agents    string `yaml:"agents"`    // looks again at agents some of whose calls may have come after they were settled
	Watch     string `yaml:"watch"`     // measures the backlog
	Sweep     string `yaml:"sweep"`     // removes marks that are done
	Prune     string `yaml:"prune"`     // removes superseded revisions
	Check     string `yaml:"check"`     // recomputes the last days from calls and compares

	// CheckDays is how many whole days the check recomputes.
	CheckDays int `yaml:"check_days"`
	// JobTimeout ends a job that doesn't end by itself; its marks are kept for the next run.
	JobTimeout time.Duration `yaml:"job_timeout"`

	// OpenFor is the age up to which a minute is rolled up in the fast lane.
	OpenFor time.Duration `yaml:"open_for"`
	// SealedAfter is the age from which windows are never rewritten: the shortest retention of reports, minutes and
	// hours less two days. It follows from the schema's configuration (schema.Retention.SealedAfter). 0: never sealed.
	SealedAfter time.Duration `yaml:"-"`
	// HoursKept and DaysKept are how long hours and days are kept, 0 for ever; they follow from the schema's configuration too.
	HoursKept time.Duration `yaml:"-"`
	DaysKept  time.Duration `yaml:"-"`
	// Batch is how many windows one look at the marks takes up.
	Batch int `yaml:"batch"`
	// KeepSuperseded is how long a superseded revision stays for readers that are still on it.
	KeepSuperseded time.Duration `yaml:"keep_superseded"`
	// StopTimeout is how long a stop waits for the window at hand.
	StopTimeout time.Duration `yaml:"stop_timeout"`
}

// Keep takes from the schema's configuration how long rows are there.
func (c *Config) Keep(r *schema.Retention) {
	days := func(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }
	c.SealedAfter, c.HoursKept, c.DaysKept = r.SealedAfter(), days(r.Hour.KeepDays), days(r.Day.KeepDays)
}

// DefaultConfig follows DESIGN D5: open minutes every 5 s, hours every minute, days every 10 minutes.
func DefaultConfig() Config {
	return Config{
		Minute:         "@every 5s",
		Hour:           "@every 60s",
		Day:            "@every 10m",
		HourBy:         "@every 10s",
		DayBy:          "@every 10m",
		Late:           "@every 60s",
		Summarize:      "@every 60s",
		Adjust:         "@every 60s",
		Seal:           "@every 1h",
		Agents:         "43 2 * * *",
		Watch:          "@every 15s",
		Sweep:          "@every 1h",
		Prune:          "17 3 * * *",
		Check:          "43 4 * * *",
		CheckDays:      3,
		JobTimeout:     2 * time.Hour,
		OpenFor:        10 * time.Minute,
		SealedAfter:    88 * 24 * time.Hour,
		Batch:          500,
		KeepSuperseded: time.Hour,
		StopTimeout:    10 * time.Second,
	}
}

type scheduled struct{ key, spec string }

func (c *Config) schedules() []scheduled {
	return []scheduled{
		{jobMinute, c.Minute}, {jobHour, c.Hour}, {jobDay, c.Day}, {jobHourBy, c.HourBy}, {jobDayBy, c.DayBy}, {jobLate, c.Late},
		{jobSummarize, c.Summarize}, {jobAdjust, c.Adjust}, {jobSeal, c.Seal}, {jobAgents, c.Agents},
		{jobWatch, c.Watch}, {jobSweep, c.Sweep}, {jobPrune, c.Prune}, {jobCheck, c.Check},
	}
}

// Validate reports all problems at once.
func (c *Config) Validate() error {
	var errs []error
	for _, s := range c.schedules() {
		if _, err := schedule.Parse(s.spec); err != nil {
			errs = append(errs, fmt.Errorf("%s: %q is no schedule (%w): use @every 5s, or a cron expression like 17 3 * * *", s.key, s.spec, err))
		}
	}
	if c.OpenFor < time.Minute {
		errs = append(errs, fmt.Errorf("open_for: %s is too short: use at least 1m", c.OpenFor))
	}
	if c.SealedAfter != 0 && c.SealedAfter < 36*24*time.Hour {
		errs = append(errs, fmt.Errorf("sealed_after (follows from schema.retention): %s would refuse reports that may still come (35 days): keep reports, minutes and hours longer", c.SealedAfter))
	}
	if c.CheckDays < 1 || c.CheckDays > 31 {
		errs = append(errs, fmt.Errorf("check_days: %d days: use 1 … 31", c.CheckDays))
	}
	if c.JobTimeout < time.Minute {
		errs = append(errs, fmt.Errorf("job_timeout: %s stops jobs that are only slow: use at least 1m", c.JobTimeout))
	}
	if c.Batch < 1 || c.Batch > 100_000 {
		errs = append(errs, fmt.Errorf("batch: %d windows: use 1 … 100000", c.Batch))
	}
	if c.KeepSuperseded < time.Minute {
		errs = append(errs, fmt.Errorf("keep_superseded: %s may take rows from under a reader: use at least 1m", c.KeepSuperseded))
	}
	if c.StopTimeout <= 0 {
		errs = append(errs, fmt.Errorf("stop_timeout: %s: use a positive duration like 10s", c.StopTimeout))
	}
	return errors.Join(errs...)
}
