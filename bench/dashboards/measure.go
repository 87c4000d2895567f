package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
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
}

func (m meter) all(ctx context.Context) ([]goals.Row, error) {
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
	return rows, nil
}

func (m meter) panel(ctx context.Context, p dashboards.Panel, r dashboards.Range) (goals.Row, error) {
	text, err := dashboards.Expand(p.SQL(), r, r.Step(100), map[string]string{"tenant": hex.EncodeToString([]byte("tenant-7")), "trace": trace})
	if err != nil {
		return goals.Row{}, err
	}
	var took []float64
	var read summary
	before, err := proc.CPU(m.pid)
	if err != nil {
		return goals.Row{}, err
	}
	for range m.rounds {
		began := time.Now()
		if read, err = m.ask(ctx, text); err != nil {
			return goals.Row{}, err
		}
		took = append(took, float64(time.Since(began).Microseconds())/1000)
	}
	after, err := proc.CPU(m.pid)
	if err != nil {
		return goals.Row{}, err
	}
	slices.Sort(took)
	told := fmt.Sprintf(": p95 ms (best %.0f, p50 %.0f, engine CPU %d; read %s rows, %s MB)", took[0], took[m.rounds/2],
		(after-before).Milliseconds()/int64(m.rounds), thousands(read.Rows), megabytes(read.Bytes))
	return goals.AtMost(told, "%.0f", took[(m.rounds*95+99)/100-1], goal), nil
}

// summary is what the engine read, as it says itself.
type summary struct {
	Rows  string `json:"read_rows"`
	Bytes string `json:"read_bytes"`
}

func (m meter) ask(ctx context.Context, text string) (s summary, err error) {
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
