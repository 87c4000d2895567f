package screen

import (
	"bytes"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
)

var update = flag.Bool("update", false, "write the golden frames anew")

func sample() *Frame {
	sum := func(s string) ledger.Sum {
		v, err := ledger.ParseSum(s)
		if err != nil {
			panic(err)
		}
		return v
	}
	steady, runaway := make([]float64, SparkColumns), make([]float64, SparkColumns)
	for i := range steady {
		steady[i] = 1 + float64(i%3)/4
		runaway[i] = 1
		if i > 20 {
			runaway[i] = 15
		}
		if i < 5 {
			steady[i] = 0
		}
	}
	return &Frame{
		Phase: "initech-agents is throttled", Elapsed: 34 * time.Second,
		Rows: []Row{
			{Tenant: "acme-support", PerMinute: sum("0.0371999"), Spark: steady, Calls: 1234, Total: sum("0.02345")},
			{Tenant: "globex-search", PerMinute: sum("0.0123"), Spark: steady[10:], Calls: 98, Total: sum("0.0091")},
			{Tenant: "hooli-docs", Calls: 0},
			{Tenant: "initech-agents", PerMinute: sum("1.5"), Spark: runaway, Calls: 765, Total: sum("0.4"), Mood: Warn},
			{Tenant: "a-tenant-with-a-very-long-name", PerMinute: sum("12345.5"), Spark: runaway, Calls: 1234567, Total: sum("1234.5678")},
		},
		Total: Row{Tenant: "all tenants", PerMinute: sum("1.6"), Spark: runaway, Calls: 2097, Total: sum("0.43265")},
		Made:  2110, InLedger: 2097, Lag: 640 * time.Millisecond,
		Alert:    "spend-spike on initech-agents",
		Throttle: "initech-agents slow to 60 requests per 1m0s, 41 calls refused",
		Notes: []Note{
			{At: time.Second, Text: "five apps call their models through the gateway"},
			{At: 12 * time.Second, Text: "initech-agents runs away: 15 times its calls", Mood: Warn},
			{At: 15 * time.Second, Text: "alert firing: " + strings.Repeat("a very long summary ", 10), Mood: Alarm},
		},
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "if the new frame is right: go test -update")
}

func TestFrameFits80x24(t *testing.T) {
	full := sample()
	for range 40 {
		full.Notes = append(full.Notes, Note{At: time.Minute, Text: "one more"})
	}
	full.Verdict = []Note{{}, {Text: "billed by the model server"}, {Text: "billed by the ledger"}}
	for _, f := range []*Frame{{}, sample(), full} {
		plain, coloured := f.Render(false), f.Render(true)
		height := Height
		if f == full {
			height = LastHeight
		}
		require.Len(t, plain, height)
		for i, l := range plain {
			require.LessOrEqual(t, utf8.RuneCountInString(l), Width, l)
			require.Equal(t, l, regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(coloured[i], ""), "colours change no text")
		}
	}
	require.NotContains(t, strings.Join(full.Render(false), "\n"), "five apps", "old notes give way")
	require.NotContains(t, strings.Join(full.Render(false), ""), "\x1b")
}

func TestFrameGolden(t *testing.T) {
	f := sample()
	golden(t, "running.txt", strings.Join(f.Render(false), "\n")+"\n")
	f.Verdict = []Note{{}, {Text: "billed by the model server  0.432650000000 USD  2097 calls"},
		{Text: "billed by the ledger        0.432650000000 USD  2097 calls  equal"}}
	golden(t, "done.txt", strings.Join(f.Render(false), "\n")+"\n")
}

func TestPlainLinesWhereNothingCanBeRedrawn(t *testing.T) {
	var out bytes.Buffer
	s := New(&out, func(string) string { return "xterm" })
	require.False(t, s.Live())
	f := sample()
	for range 3 {
		s.Draw(f)
	}
	f.Elapsed += 6 * time.Second
	s.Draw(f)
	f.Verdict = []Note{{Text: "billed by the ledger"}}
	s.Draw(f)
	s.Close()
	require.NotContains(t, out.String(), "\x1b")
	require.Equal(t, 1, strings.Count(out.String(), "runs away"), "a note is written once")
	require.Equal(t, 2, strings.Count(out.String(), "in the ledger, "), "a status line every five seconds")
	require.True(t, strings.HasSuffix(out.String(), "billed by the ledger\n"))
}

func TestLiveFramesTakeEachOthersPlace(t *testing.T) {
	var out bytes.Buffer
	s := &Screen{out: &out, live: true}
	s.Draw(sample())
	s.Draw(sample())
	s.Close()
	require.Equal(t, 2*Height, strings.Count(out.String(), "\n"))
	require.Contains(t, out.String(), "\x1b[23A", "back up over the frame before")
	require.True(t, strings.HasSuffix(out.String(), "\x1b[?25h"), "the cursor comes back")
}
