package alerts

import "time"

// leastStep is a step of the clock that matters: NTP adjusts a clock that is off by less without one.
const leastStep = time.Second

// clockSet is by how much the wall was set between two readings of a clock that also counts on, as time.Now does; 0 for one that doesn't.
func clockSet(before, now time.Time) time.Duration {
	return now.Round(0).Sub(before.Round(0)) - now.Sub(before)
}

// readClock reads the clock, and takes its being set as what it is: no time that passed. Else what was to end in a minute would end now or in an hour.
func (a *Alerts) readClock() time.Time {
	now := a.now()
	by := time.Duration(0)
	if !a.read.IsZero() {
		by = clockSet(a.read, now)
	}
	a.read = now
	if by.Abs() >= leastStep {
		a.log.Warn("the clock was set: leases, episodes and waits go on by the time that passes", "by", by.Round(time.Millisecond))
		a.clockWasSet(now.UTC(), by)
	}
	return now.UTC()
}

// clockWasSet moves every time that is remembered.
func (a *Alerts) clockWasSet(now time.Time, by time.Duration) {
	for _, ep := range a.episodes {
		moveBy(by, &ep.clearSince, &ep.began)
	}
	for k, end := range a.ended {
		moveBy(by, &end.at)
		a.ended[k] = end
	}
	for id, at := range a.started {
		a.started[id] = at.Add(by)
	}
	a.evaluation.clockWasSet(now, by)
	a.throttles.clockWasSet(by)
}

func moveBy(by time.Duration, times ...*time.Time) {
	for _, t := range times {
		if !t.IsZero() {
			*t = t.Add(by)
		}
	}
}

// clockWasSet gives the ledger the time of a start to catch up, and has what is read now and then read at once.
func (e *evaluation) clockWasSet(now time.Time, by time.Duration) {
	e.born, e.asked, e.pulse = now, time.Time{}, pulse{}
	clear(e.history.parts)
	clear(e.budgets.projects)
	if by < 0 {
		e.ahead = later(e.ahead, now.Add(-by))
	}
}

// clockWasSet has what is held ordered again: a lease ends at the gateway after the time that passes there, which a virtual machine that was frozen
// doesn't see, and the audit is to have times of this clock.
func (t *throttles) clockWasSet(by time.Duration) {
	moveBy(by, &t.askAgain)
	for _, h := range t.holds {
		moveBy(by, &h.notBefore, &h.acked, &h.looked, &h.current.Issued, &h.current.Expires, &h.byHand.Issued, &h.byHand.Expires)
		h.lost = h.lost || h.current.Sequence > 0
	}
	for s, at := range t.acts.given { // they are compared with when episodes began
		t.acts.given[s] = at.Add(by)
	}
}
