package llmcost_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/collector/llmcost"
	"github.com/tollkeeper/tollkeeper/internal/accuracy"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// Of every recording the ledger says what the model server billed; or it says, call by call, why it may not: no price with a
// reason, something the emitter left out, or a call that another instrumentation may have told too (to be settled). It is never
// silently different, and what it says was spent at least (calls to be settled left out) is never more than the bill. The golden file shows each case on one line.
func TestRecordings(t *testing.T) {
	rows, err := accuracy.Recordings(t.Context(), "../genai/testdata/recordings")
	require.NoError(t, err)
	var table strings.Builder
	for i := range rows {
		r := &rows[i]
		var notes []string
		for j := range r.Calls {
			notes = append(notes, note(&r.Calls[j]))
		}
		for j := range r.GaveWay {
			notes = append(notes, "gives way: "+note(&r.GaveWay[j]))
		}
		assert.NotEqual(t, accuracy.Different, r.Verdict, "%s: billed %s, ledger %s, at least %s: %s", r.Name, r.Billed, r.Ours, r.AtLeast, notes)
		fmt.Fprintf(&table, "%-48s %-5s billed %s ledger %s at least %s  %s\n", r.Name, r.Verdict, r.Billed.Short(), r.Ours.Short(),
			r.AtLeast.Short(), strings.Join(notes, "; "))
	}
	llmcost.Golden(t, "testdata/recordings.golden", table.String())
}

// note is what is worth seeing of a call in the golden file.
func note(c *ledger.Call) string {
	out := c.Rule + " " + c.TotalCost().Short()
	if c.Unpriced != "" {
		out += " unpriced=" + c.Unpriced
	}
	if c.ErrorClass != "" {
		out += " error=" + c.ErrorClass
	}
	if f := c.Flags &^ (ledger.FlagUniqueID | ledger.FlagTenantClaimed); f != 0 {
		out += " " + f.String()
	}
	return out
}
