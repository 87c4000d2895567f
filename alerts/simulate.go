package alerts

import (
	"context"
	"fmt"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Fired is an episode as it would have been.
type Fired struct {
	Rule, Kind, Tenant string
	By, Value          string
	Threshold          int
	Severity           string
	Summary            string
	Spend              ledger.Sum // what was seen when it fired
	From               time.Time
	To                 time.Time // zero: it was still firing at the end
}

// Page reports that a person is woken.
func (f Fired) Page() bool { return f.Severity == Critical }

// Simulation evaluates rules over a tape, with a clock that it turns itself and episodes that live in memory. Nobody is
// told, nothing is written.
type Simulation struct {
	tape  *Tape
	eval  *evaluation
	open  episodes
	ended map[key]ended
	index map[key]int // of the open episodes in fired
	fired []Fired
}

// Simulate prepares the configuration's rules to be evaluated over the tape from a time on.
func Simulate(cfg Config, tape *Tape, from time.Time) (*Simulation, error) {
	cfg.ClickHouse = "http://127.0.0.1/none" // not read: the tape is
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	e, err := newEvaluation(cfg, tape, from)
	if err != nil {
		return nil, err
	}
	s := &Simulation{tape: tape, eval: e, open: episodes{}, ended: map[key]ended{}, index: map[key]int{}}
	e.spikes.endedAt = func(k key) time.Time { return s.ended[k].at }
	return s, nil
}

// Step evaluates all rules at a time, which never goes back.
func (s *Simulation) Step(ctx context.Context, now time.Time) error {
	now = now.UTC()
	s.tape.advance(now)
	t, err := s.eval.look(ctx, now)
	if err != nil {
		return fmt.Errorf("at %s: %w", now.Format(time.RFC3339), err)
	}
	verdicts, err := s.eval.ask(ctx, t, s.open)
	if err != nil {
		return fmt.Errorf("at %s: %w", now.Format(time.RFC3339), err)
	}
	told := map[key]bool{}
	for _, v := range verdicts {
		told[v.key] = true
		ep := s.open[v.key]
		switch advance(ep, v, now) {
		case opens:
			last, known := s.ended[v.key]
			s.open[v.key] = &episode{baseline: v.baseline, began: now, returns: returnsOf(last, known, v, now)}
			s.index[v.key] = len(s.fired)
			s.fired = append(s.fired, Fired{v.key.rule, v.kind, v.key.tenant, v.key.by, v.key.value, v.key.threshold, v.severity, v.summary, v.value, now, time.Time{}})
		case resolves:
			s.close(v.key, now)
		}
	}
	for k := range s.open {
		if !told[k] {
			s.close(k, now)
		}
	}
	return nil
}

func (s *Simulation) close(k key, now time.Time) {
	s.fired[s.index[k]].To = now
	s.ended[k] = ended{now, s.open[k].returns}
	delete(s.open, k)
}

// Run steps through [from, to].
func (s *Simulation) Run(ctx context.Context, from, to time.Time, every time.Duration) error {
	for now := from; !now.After(to); now = now.Add(every) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.Step(ctx, now); err != nil {
			return err
		}
	}
	return nil
}

// Fired lists the episodes so far, in the order in which they fired.
func (s *Simulation) Fired() []Fired { return s.fired }
