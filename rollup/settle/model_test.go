package settle

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/testkit/protocol"
)

// The protocol of settling and rolling up (DESIGN D4 within D5, docs/adr/0027-settling-twice.md) as a model: three reports of one call,
// the first in a minute of its own, come from ingests in any order; two workers settle and roll up; each may sleep anywhere for
// any time and crash anywhere, as often as it likes. A variant is safe if in every state where nothing can move any more the newest
// committed minutes together hold the call once.
//
// The model is the reason for the order of the steps. It has to find the bad orders, too; else it would prove nothing.

type step byte

const (
	stepMarks  step = iota // read the minute's marks M
	stepLook               // read the candidates and what was decided of them
	stepMark               // mark the minutes that a new decision changes, and this one for later
	stepDecide             // write the decision, unless the mark for later is due
	stepAgain              // look again if the decision was to be written
	stepUnmark             // take the marks for later back
	stepSeen               // read the highest claim of the minute
	stepClaim              // write the next one
	stepRead               // read the settled calls
	stepCommit             // write the minute and commit it
	stepRemove             // remove exactly M

	stepReports // read the candidates; stepLook decides by what was read
	stepOwn     // read those of the minute
	stepOthers  // read those of other minutes
	stepDecided // read what was decided of them
)

func (s step) String() string {
	return [...]string{"marks", "look", "mark", "decide", "again", "unmark", "seen", "claim", "read", "commit", "remove", "reports", "own", "others", "decided"}[s]
}

var designed = []step{stepMarks, stepLook, stepMark, stepDecide, stepAgain, stepUnmark, stepSeen, stepClaim, stepRead, stepCommit, stepRemove}

// variant is an order, and what of the protocol is left out.
type variant struct {
	order       []step
	beside      []step  // are done in order beside those, after the marks and before the calls are read
	besideMarks bool    // they may be done before the marks, too
	once        bool    // nobody looks again
	noLater     bool    // nothing is marked for later
	whenever    bool    // a decision is written although its mark for later is due
	minutes     []uint8 // of the reports
	there       uint8   // how many of them are there at the start
}

const reports = 3 // each gives way to those after it

func search(v variant) protocol.Found {
	start := state{stored: 1<<v.there - 1, marked: 1<<v.there - 1}
	for _, m := range v.minutes[:v.there] {
		start.marks[m] = start.marks[m].Add()
	}
	m := protocol.Model[state]{
		Start: start,
		Next:  func(s *state, yield func(protocol.Move, state)) { s.next(&v, yield) },
		Judge: func(s *state) protocol.Verdict { return s.judge(&v) },
	}
	return m.Search()
}

// One call's reports: two that come in a minute each, and three of a minute, of which the last comes while the others are settled.
var (
	two   = variant{order: designed, minutes: []uint8{0, 1}}
	three = variant{order: designed, minutes: []uint8{0, 0, 0}, there: 2}
)

func TestModelOfTheDesignedOrder(t *testing.T) {
	withoutLater := two
	withoutLater.noLater = true
	for _, v := range []variant{three, withoutLater} {
		found := search(v)
		t.Logf("%d states, no end in which the call isn't there once", found.States)
		require.Empty(t, found.Path)
		require.Greater(t, found.States, 10_000)
	}
}

// TestModelNeedsEachRule: without one of them the call is lost or there twice for good.
func TestModelNeedsEachRule(t *testing.T) {
	for name, leaveOut := range map[string]func(*variant){
		"nobody looks again":                           func(v *variant) { v.once = true },
		"nothing is marked for later":                  func(v *variant) { v.noLater = true },
		"it is written although what it marked is due": func(v *variant) { v.whenever = true },
	} {
		v := three
		leaveOut(&v)
		found := search(v)
		t.Logf("%s: %d states; %v", name, found.States, found.Path)
		require.NotEmpty(t, found.Path, name)
	}
}

// TestModelFindsEverySwap looks at the three reports first, then at the two without marks for later, which are for the three.
func TestModelFindsEverySwap(t *testing.T) {
	two := two
	two.noLater = true
	protocol.EverySwap(t, designed, map[string]string{
		"unmark <> seen": "by then it has looked for the last time, and it has read no calls yet",
	}, func(order []step) protocol.Found {
		v := three
		v.order = order
		if found := search(v); len(found.Path) > 0 {
			return found
		}
		v = two
		v.order = order
		return search(v)
	})
}
