package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tollkeeper/tollkeeper/bench/proc"
	"github.com/tollkeeper/tollkeeper/dashboards"
	"github.com/tollkeeper/tollkeeper/internal/goals"
	"github.com/tollkeeper/tollkeeper/schema"
)

// trace is one of the first of today's, with spans.
const trace = "00000000000000000000000000000007"

// meter asks for panels over HTTP, as Grafana's data source does.
type meter struct {
	url    string
	pid    int
	rounds int
	only   *regexp.Regexp
	now    time.Time

	counted counted
}

func (m *meter) all(ctx context.Context) ([]goals.Row, error) {
	var rows []goals.Row
	for _, b := range dashboards.All() {
		back, err := time.ParseDuration(strings.TrimPrefix(b.From, "now-"))
		if err != nil {
			return nil, fmt.Errorf("board %s: range %q: %w", b.UID, b.From, err)
		}
		r := dashboards.Range{From: m.now.Add(-back), To: m.now}
		for _, row := range b.Rows {
			for _, p := range row.Panels {
				if !m.only.MatchString(p.Query) {
					continue
				}
				one, err := m.panel(ctx, p, r)
				if err != nil {
					return nil, fmt.Errorf("%s / %s (%s): %w", b.Title, p.Title, p.Query, err)
				}
				one.Name = b.Title + " / " + p.Title + one.Name
				rows = append(rows, one)
			}
		}
	}
	why, err := m.why(ctx)
	return append(rows, why...), err
}

func (m *meter) panel(ctx context.Context, p dashboards.Panel, r dashboards.Range) (goals.Row, error) {
	text, err := dashboards.Expand(p.SQL(), r, r.Step(100), map[string]string{"tenant": hex.EncodeToString([]byte("tenant-7")), "trace": trace})
	if err != nil {
		return goals.Row{}, err
	}
	took, read, cpu, err := m.often(ctx, text, m.rounds)
	if err != nil {
		return goals.Row{}, err
	}
	_, _, planned, err := m.often(ctx, "EXPLAIN PIPELINE "+text, (m.rounds+3)/4)
	if err != nil {
		return goals.Row{}, err
	}
	told := fmt.Sprintf(": p95 ms (best %.0f, p50 %.0f, engine CPU %d, %d of it before a row is read; read %s rows, %s MB)", took[0], took[len(took)/2],
		cpu.Milliseconds(), min(cpu, planned).Milliseconds(), thousands(read.Rows), megabytes(read.Bytes))
	m.count(cpu, planned, took)
	return goals.AtMost(told, "%.0f", at95(took), goal), nil
}

// often asks so many times: how long each took in ms, the shortest first, what the engine read, and its CPU for one.
func (m *meter) often(ctx context.Context, text string, times int) (took []float64, read summary, cpu time.Duration, err error) {
	before, err := proc.CPU(m.pid)
	if err != nil {
		return nil, read, 0, err
	}
	for range times {
		began := time.Now()
		if read, err = m.ask(ctx, text); err != nil {
			return nil, read, 0, err
		}
		took = append(took, float64(time.Since(began).Microseconds())/1000)
	}
	after, err := proc.CPU(m.pid)
	slices.Sort(took)
	return took, read, (after - before) / time.Duration(times), err
}

func at95(sorted []float64) float64 { return sorted[(len(sorted)*95+99)/100-1] }

// counted is how many panels stay under the goal by the clock and by the engine's work alone.
type counted struct{ panels, best, cpu, read int }

func (m *meter) count(cpu, planned time.Duration, took []float64) {
	under := func(ms float64) int {
		if ms <= goal {
			return 1
		}
		return 0
	}
	m.counted.panels++
	m.counted.best += under(took[0])
	m.counted.cpu += under(float64(cpu.Milliseconds()))
	m.counted.read += under(float64((cpu - min(cpu, planned)).Milliseconds()))
}

// why is what a clock that is over the goal is made of: what the machine takes for a statement that does nothing, and how many panels are
// under the goal at their best, by the engine's CPU, and by its CPU from the first row on.
func (m *meter) why(ctx context.Context) ([]goals.Row, error) {
	took, _, cpu, err := m.often(ctx, "SELECT 1", 4*m.rounds)
	if err != nil {
		return nil, err
	}
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		load = []byte("not known")
	}
	c := m.counted
	return []goals.Row{
		goals.Told(fmt.Sprintf("a statement that does nothing (SELECT 1), ms: best %.1f, p50 %.1f, engine CPU %.1f; p95", took[0], took[len(took)/2], float64(cpu.Microseconds())/1000), fmt.Sprintf("%.1f", at95(took))),
		goals.Told("load of the machine, 1, 5 and 15 minutes", strings.Join(strings.Fields(string(load))[:min(3, len(strings.Fields(string(load))))], " ")),
		goals.Told(fmt.Sprintf("of %d panels, within %.0f ms: by the fastest answer", c.panels, goal), fmt.Sprint(c.best)),
		goals.Told("by the engine's CPU, planning included", fmt.Sprint(c.cpu)),
		goals.Told("by the engine's CPU from the first row on", fmt.Sprint(c.read)),
	}, nil
}

// summary is what the engine read, as it says itself.
type summary struct {
	Rows  string `json:"read_rows"`
	Bytes string `json:"read_bytes"`
}

func (m *meter) ask(ctx context.Context, text string) (s summary, err error) {
	target, err := schema.ParseURL(m.url)
	if err != nil {
		return s, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target.Scheme+"://"+target.Host+"/?wait_end_of_query=1&database="+target.Database, strings.NewReader(text))
	if err != nil {
		return s, err
	}
	req.Header.Set("X-ClickHouse-User", target.User)
	req.Header.Set("X-ClickHouse-Key", target.Password)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return s, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return s, err
	}
	if res.StatusCode != http.StatusOK {
		return s, fmt.Errorf("the engine says %s: %.300s", res.Status, body)
	}
	if err := json.Unmarshal([]byte(res.Header.Get("X-ClickHouse-Summary")), &s); err != nil {
		return s, fmt.Errorf("the engine's summary: %w", err)
	}
	return s, nil
}

func thousands(n string) string {
	for i := len(n) - 3; i > 0; i -= 3 {
		n = n[:i] + "," + n[i:]
	}
	return n
}

func megabytes(n string) string {
	v, err := strconv.ParseFloat(n, 64)
	if err != nil {
		return "?"
	}
	return strconv.FormatFloat(v/1e6, 'f', 1, 64)
}
