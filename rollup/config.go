package rollup

import (
	"errors"
	"fmt"
	"time"

	"github.com/robfig/cron/v3"
)

// Config says when the jobs run. Schedules are cron expressions in UTC, with optional seconds, or @every and a duration.
type Config struct {
	Minute string `yaml:"minute"` // open minutes
	Hour   string `yaml:"hour"`   // hours with marks
	Day    string `yaml:"day"`    // days with marks
	Late   string `yaml:"late"`   // minutes older than open_for
	Watch  string `yaml:"watch"`  // measures the backlog
	Sweep  string `yaml:"sweep"`  // removes marks that are done
	Prune  string `yaml:"prune"`  // removes superseded revisions

	// OpenFor is the age up to which a minute is rolled up in the fast lane.
	OpenFor time.Duration `yaml:"open_for"`
	// SealedAfter is the age from which windows are never rewritten: the shortest retention of reports, minutes and
	// hours less two days. It follows from the schema's configuration (schema.Retention.SealedAfter). 0: never sealed.
	SealedAfter time.Duration `yaml:"-"`
	// Batch is how many windows one look at the marks takes up.
	Batch int `yaml:"batch"`
	// KeepSuperseded is how long a superseded revision stays for readers that are still on it.
	KeepSuperseded time.Duration `yaml:"keep_superseded"`
	// StopTimeout is how long a stop waits for the window at hand.
	StopTimeout time.Duration `yaml:"stop_timeout"`
}

// DefaultConfig follows DESIGN D5: open minutes every 5 s, hours every minute, days every 10 minutes.
func DefaultConfig() Config {
	return Config{
		Minute:         "@every 5s",
		Hour:           "@every 60s",
		Day:            "@every 10m",
		Late:           "@every 60s",
		Watch:          "@every 15s",
		Sweep:          "@every 1h",
		Prune:          "17 3 * * *",
		OpenFor:        10 * time.Minute,
		SealedAfter:    88 * 24 * time.Hour,
		Batch:          500,
		KeepSuperseded: time.Hour,
		StopTimeout:    10 * time.Second,
	}
}

var parser = cron.NewParser(cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

type schedule struct{ key, spec string }

func (c *Config) schedules() []schedule {
	return []schedule{
		{jobMinute, c.Minute}, {jobHour, c.Hour}, {jobDay, c.Day}, {jobLate, c.Late},
		{jobWatch, c.Watch}, {jobSweep, c.Sweep}, {jobPrune, c.Prune},
	}
}

// Validate reports all problems at once.
func (c *Config) Validate() error {
	var errs []error
	for _, s := range c.schedules() {
		if _, err := parser.Parse(s.spec); err != nil {
			errs = append(errs, fmt.Errorf("rollup.%s: %q is no schedule (%w): use @every 5s, or a cron expression like 17 3 * * *", s.key, s.spec, err))
		}
	}
	if c.OpenFor < time.Minute {
		errs = append(errs, fmt.Errorf("rollup.open_for: %s is too short: use at least 1m", c.OpenFor))
	}
	if c.SealedAfter != 0 && c.SealedAfter < 36*24*time.Hour {
		errs = append(errs, fmt.Errorf("rollup: windows sealed after %s would refuse reports that may still come (35 days): keep reports, minutes and hours longer", c.SealedAfter))
	}
	if c.Batch < 1 || c.Batch > 100_000 {
		errs = append(errs, fmt.Errorf("rollup.batch: %d windows: use 1 … 100000", c.Batch))
	}
	if c.KeepSuperseded < time.Minute {
		errs = append(errs, fmt.Errorf("rollup.keep_superseded: %s may take rows from under a reader: use at least 1m", c.KeepSuperseded))
	}
	if c.StopTimeout <= 0 {
		errs = append(errs, fmt.Errorf("rollup.stop_timeout: %s: use a positive duration like 10s", c.StopTimeout))
	}
	return errors.Join(errs...)
}
