package ingest

import (
	"fmt"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// moments are the times that a call may be of. No collector writes others but one whose clock is wrong by days or years; by hand, or by another
// program, they are written soon. Stored, a call of 1970 would be deleted with its day at once, and one of 2100 never.
type moments struct{ first, last time.Time }

// earliest is the first day that rollups know.
var earliest = time.Date(2002, 1, 2, 0, 0, 0, 0, time.UTC)

// clocksDiffer is by how much a collector's clock may be ahead of this host's.
const clocksDiffer = 24 * time.Hour

// momentsAt are those of records that are read now. kept is for how long reports are, 0 for ever.
func momentsAt(now time.Time, kept time.Duration) moments {
	m := moments{earliest, now.Add(clocksDiffer + ledger.MaxAhead)}
	if from := now.Add(-kept); kept > 0 && from.After(m.first) {
		m.first = from
	}
	return m
}

// check says what is wrong with the time of a call: its minute isn't one that a collector gives to what it received then, or can't be kept.
func (m *moments) check(c *ledger.Call) error {
	ago := c.Received/int64(time.Second) - c.Minute
	theirs := ago <= int64((ledger.MaxLate+time.Minute)/time.Second) && ago >= -int64(ledger.MaxAhead/time.Second)
	if theirs && c.Minute >= m.first.Unix() && c.Minute <= m.last.Unix() {
		return nil
	}
	minute, received := time.Unix(c.Minute, 0).UTC(), time.Unix(0, c.Received).UTC()
	switch {
	case !theirs:
		return fmt.Errorf("minute %s is no minute of what was received at %s: it has to lie between 35 days before and an hour after", minute.Format(time.RFC3339), received.Format(time.RFC3339))
	case minute.Before(m.first):
		return fmt.Errorf("minute %s is before %s: its day would be deleted at once", minute.Format(time.RFC3339), m.first.UTC().Format(time.RFC3339))
	}
	return fmt.Errorf("minute %s is after %s, more than a day from now: is the sender's clock wrong?", minute.Format(time.RFC3339), m.last.UTC().Format(time.RFC3339))
}

// mended is the call of a letter that was set aside for its time, as if it had been received then; it counts in the minute of its start if that
// is believable, else in that of the letter, and is flagged.
func mended(c *ledger.Call, at time.Time) {
	c.Received = at.UnixNano()
	c.SetMinute()
}
