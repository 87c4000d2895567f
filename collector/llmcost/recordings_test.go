package llmcost

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/ledger"
)

const recordings = "../genai/testdata/recordings"

// truth is what the model server billed while a recording was made.
type truth struct {
	Billed []struct {
		USD string `json:"usd"`
	} `json:"billed"`
}

func readRecording(t testing.TB, path string) ptrace.Traces {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(content)
	require.NoError(t, err, path)
	return td
}

// Of every recording the ledger says what the model server billed; or it says, call by call, why it may not: no price with a
// reason, something the emitter left out, or a call that another instrumentation may have told too (to be settled). It is never
// silently different, and what it says was spent at least (calls to be settled left out) is never more than the bill. The golden file shows each case on one line.
func TestRecordings(t *testing.T) {
	files, err := filepath.Glob(recordings + "/*/*.otlp.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	p := newTest(t, nil)
	var table strings.Builder
	for _, f := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(f, recordings+"/"), ".otlp.json")
		billed := readTruth(t, strings.TrimSuffix(f, ".otlp.json")+".truth.json")
		td := readRecording(t, f)
		var end int64
		eachSpan(td, func(s ptrace.Span) { end = max(end, int64(s.EndTimestamp())) })
		p.now = func() time.Time { return time.Unix(0, end) }
		_, err := p.process(context.Background(), td)
		require.NoError(t, err)
		var sum, least ledger.Sum
		var notes []string
		told := false
		eachSpan(td, func(s ptrace.Span) {
			c, ok := callOf(t, s)
			if !ok {
				return
			}
			sum = sum.AddMoney(c.TotalCost())
			if c.Flags&ledger.FlagCandidate == 0 {
				least = least.AddMoney(p.book.AtLeast(&c))
			}
			told = told || c.Unpriced != "" || c.Flags&(ledger.FlagsUntold|ledger.FlagsDoubt|ledger.FlagCandidate) != 0
			notes = append(notes, note(&c))
		})
		assert.LessOrEqual(t, least.Cmp(billed), 0, "%s: billed %s, but at least %s by the ledger: %s", name, billed, least, notes)
		verdict := "equal"
		if sum != billed {
			assert.True(t, told, "%s: billed %s, ledger %s, and no call says why: %s", name, billed, sum, notes)
			verdict = "told"
		}
		fmt.Fprintf(&table, "%-48s %-5s billed %s ledger %s at least %s  %s\n", name, verdict, billed.Short(), sum.Short(), least.Short(), strings.Join(notes, "; "))
	}
	golden(t, "testdata/recordings.golden", table.String())
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

func readTruth(t testing.TB, path string) (billed ledger.Sum) {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	var want truth
	require.NoError(t, json.Unmarshal(content, &want))
	for _, b := range want.Billed {
		m, err := ledger.ParseMoney(b.USD)
		require.NoError(t, err)
		billed = billed.AddMoney(m)
	}
	return billed
}

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// golden compares with a file, or writes it when the test runs with -update.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "run with -update and look at the difference")
}

func eachSpan(td ptrace.Traces, f func(ptrace.Span)) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				f(s)
			}
		}
	}
}
