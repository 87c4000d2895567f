package chaos

import (
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
)

func TestASeedIsAPlan(t *testing.T) {
	kinds, different := map[string]int{}, 0
	for seed := range uint64(300) {
		events := plan(seed)
		require.Equal(t, events, plan(seed))
		if seed > 0 && events[0] != plan(seed - 1)[0] {
			different++
		}
		last := time.Duration(0)
		for _, e := range events {
			kinds[e.Kind]++
			require.GreaterOrEqual(t, e.At, last)
			require.Less(t, e.At, loadFor)
			require.NotEmpty(t, e.Target)
			last = e.At
		}
	}
	require.Equal(t, 299, different)
	for _, kind := range []string{eventKill, eventStatement, eventSyscall, eventPause, eventCut, eventFull, eventClock} {
		require.Greater(t, kinds[kind], 30, kind)
	}
}

// The truth is the price list's, by fractions.
func TestMadeCallsCostWhatThePriceListSays(t *testing.T) {
	m := newMaker(7, 1)
	seen := map[id]bool{}
	when := map[lateness]int{}
	for range 2000 {
		c := m.make(time.Now())
		require.False(t, seen[c.id])
		seen[c.id] = true
		when[c.when]++
		if c.unpriced {
			require.Zero(t, c.cost)
			continue
		}
		perMillion := map[string][3]string{
			"gpt-4o-mini-2024-07-18": {"0.15", "0.075", "0.60"}, "gpt-4o-2024-08-06": {"2.50", "1.25", "10"}, "gpt-4.1-2025-04-14": {"2", "0.50", "8"},
		}[c.model]
		total := new(big.Rat)
		for i, n := range []int64{c.input - c.cached, c.cached, c.output} {
			usd, ok := new(big.Rat).SetString(perMillion[i])
			require.True(t, ok)
			total.Add(total, usd.Mul(usd, big.NewRat(n, 1_000_000)))
		}
		require.Zero(t, total.Cmp(big.NewRat(c.cost, 1_000_000_000_000)), "%+v", c)
	}
	require.Len(t, when, 5)
}

func TestComparisonFindsWhatIsWrong(t *testing.T) {
	m := newMaker(1, 1)
	truth := map[id]made{}
	var calls []stored
	for range 50 {
		c := m.make(time.Now())
		truth[c.id] = c
		s := stored{id: c.id, minute: c.start.UTC().Truncate(time.Minute), tenant: c.tenant, model: c.model, cost: ledger.SumOf(ledger.Money(c.cost)),
			fresh: uint64(c.input - c.cached), cacheRead: uint64(c.cached), output: uint64(c.output)}
		if c.unpriced {
			s.unpriced = "model"
		}
		calls = append(calls, s)
	}
	require.NoError(t, compareCalls(calls, truth))
	for what, broken := range map[string]func([]stored) []stored{
		"is lost":        func(c []stored) []stored { return c[1:] },
		"counts 2 times": func(c []stored) []stored { return append(c, c[3]) },
		"was never sent": func(c []stored) []stored { return append(c, stored{id: id{span: [8]byte{9}}}) },
		"true: ":         func(c []stored) []stored { c[4].cost = c[4].cost.AddMoney(1); return c },
		"unpriced":       func(c []stored) []stored { c[5].unpriced += "x"; c[6].unpriced = ""; c[5].output++; return c },
		"of nobody":      func(c []stored) []stored { c[7].tenant = "nobody"; return c },
	} {
		require.ErrorContains(t, compareCalls(broken(append([]stored(nil), calls...)), truth), what)
	}

	for _, x := range windows {
		want := recount(calls, x.start)
		require.NoError(t, compareCells(x.level, recount(calls, x.start), want))
		less := recount(calls[1:], x.start)
		require.ErrorContains(t, compareCells(x.level, less, want), "recomputed")
		require.ErrorContains(t, compareCells(x.level, want, less), "recomputed")
	}
}

func TestWitnessStopsAStatementAtEachMoment(t *testing.T) {
	asked := make(chan string, 10)
	engine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked <- r.URL.Query().Get("query") + string(body)
		_, _ = io.WriteString(w, "done")
	}))
	defer engine.Close()
	w, err := newWitness(strings.TrimPrefix(engine.URL, "http://"))
	require.NoError(t, err)
	defer w.close()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	ask := func(query, body string) string {
		res, err := client.Post("http://"+w.address()+"/?query="+query, "", strings.NewReader(body))
		require.NoError(t, err)
		defer res.Body.Close()
		got, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return string(got)
	}
	require.Equal(t, "done", ask("INSERT+x", "rows"))
	require.Equal(t, "INSERT xrows", <-asked)
	for _, at := range []moment{before, after} {
		reached := -1
		defer w.set(&trap{text: "INSERT y", when: at, n: 2, do: func() { reached = len(asked) }})()
		require.Equal(t, "done", ask("", "INSERT y first"))
		require.Equal(t, "INSERT y first", <-asked)
		require.Equal(t, -1, reached, "the first is let pass")
		require.Equal(t, "done", ask("", "INSERT y second"))
		require.Equal(t, int(at)/2, reached, "%s: the engine has it, or not", at)
		require.Equal(t, "INSERT y second", <-asked)
	}
	done := make(chan struct{})
	defer w.set(&trap{text: "z", when: inside, n: 1, do: func() { close(done) }})()
	ask("z", "")
	<-done
}

func TestLinesAreCutAndMended(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer server.Close()
	l, err := newLines().open("test", "127.0.0.1:0", strings.TrimPrefix(server.URL, "http://"))
	require.NoError(t, err)
	defer l.close()
	address := l.proxy.Listen
	ask := func() error {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 300 * time.Millisecond}
		res, err := client.Post("http://"+address, "", strings.NewReader(strings.Repeat("x", 60_000)))
		if err == nil {
			_ = res.Body.Close()
		}
		return err
	}
	require.Eventually(t, func() bool { return ask() == nil }, 30*time.Second, time.Millisecond)
	for _, how := range cuts {
		require.NoError(t, l.cut(how))
		require.Error(t, ask(), how)
		require.NoError(t, l.mend(t.Context()))
		require.Eventually(t, func() bool { return ask() == nil }, 30*time.Second, time.Millisecond, how)
	}
	require.Equal(t, address, l.proxy.Listen)
	_, err = net.Dial("tcp", address)
	require.NoError(t, err)
}

func TestResultsAreGoneOnWith(t *testing.T) {
	dir := t.TempDir()
	book := filepath.Join(dir, "rounds.jsonl")
	none, err := readResults(book, true)
	require.NoError(t, err)
	require.Empty(t, none)
	want := []result{
		{Round: 1, Seed: 7, Events: []string{"a"}, Calls: 3, Settled: 1.5, Waited: waits{{"ingest", 1.2}}},
		{Round: 2, Seed: 8, Events: []string{"b"}, Problem: "calls: 1 wrong: x"},
		{Round: 3, Seed: 9, Events: []string{"c"}},
	}
	for _, r := range want {
		require.NoError(t, appendResult(book, r))
	}
	for _, name := range []string{"world-1", "world-3", "world-4"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o700))
	}
	// Killed while it wrote the fourth: that round is made again.
	f, err := os.OpenFile(book, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString(`{"round":4,"seed":1`)
	require.NoError(t, errors.Join(err, f.Close()))
	for range 2 {
		got, err := readResults(book, true)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	require.NoError(t, appendResult(book, result{Round: 4, Seed: 10}))
	got, err := readResults(book, true)
	require.NoError(t, err)
	require.Len(t, got, 4)

	require.NoError(t, sweep(dir, got[:3]))
	left, err := filepath.Glob(filepath.Join(dir, "world-*"))
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(dir, "world-1")}, left, "the world in which something went wrong is kept to be looked at")

	got, err = readResults(book, false)
	require.NoError(t, err)
	require.Empty(t, got)
	require.NoFileExists(t, book)
}

func TestWaitsTellTheLast(t *testing.T) {
	var w waits
	for i, text := range []string{"ingest: partition 1: 3 behind", "dirty minute: 3 marks", "ingest: partition 0", "dirty hour: 1 marks", "dirty hour: 2 marks"} {
		require.Error(t, w.note(errors.New(text), time.Duration(i)*time.Second))
	}
	require.NoError(t, w.note(nil, time.Hour))
	require.Equal(t, waits{{"dirty minute", 1}, {"ingest", 2}, {"dirty hour", 4}}, w)
	done := []result{{Waited: w}, {}, {Waited: w, Problem: "x"}}
	require.Equal(t, []float64{2, 0}, untilOf(done, "ingest"))
	require.Equal(t, "p50 2.0, p90 2.0, p99 2.0, at most 2.0", spread(untilOf(done, "ingest")))
}

// The verdict counts what went wrong and what was late.
func TestVerdict(t *testing.T) {
	good := result{Round: 1, Settled: 14.9}
	for what, r := range map[string]result{"": good, "a loss": {Problem: "calls: 1 wrong"}, "late": {Settled: 15.1}} {
		var out strings.Builder
		err := verdict(Options{Rounds: 2, Out: &out}, []result{good, r})
		require.Equal(t, what == "", err == nil, "%s: %v", what, err)
	}
	require.Error(t, verdict(Options{Rounds: 2, Out: io.Discard}, []result{good}), "a round is missing")
}
