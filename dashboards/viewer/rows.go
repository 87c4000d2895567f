package viewer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/tollkeeper/tollkeeper/dashboards"
	"github.com/tollkeeper/tollkeeper/schema"
)

// What one question of a browser may cost.
const (
	queryLimit  = 30 * time.Second
	rowLimit    = 20_000
	answerLimit = 16 << 20 // bytes
	// longestRange bounds what is asked for; ten years of days are 3,653 points.
	longestRange = 10 * 366 * 24 * time.Hour
)

// Rows is an answer: columns with their ClickHouse types, and values as JSON. Decimals and 64-bit integers are strings.
type Rows struct {
	Columns []Column          `json:"columns"`
	Rows    []json.RawMessage `json:"rows"`
	Step    int               `json:"step"`  // seconds between points of a series
	Cut     bool              `json:"cut"`   // there were more rows than are shown
	Took    float64           `json:"took"`  // seconds in the database
	Fresh   string            `json:"fresh"` // when it was asked, RFC 3339
}

// Column is a column of an answer.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// queries are the boards' own and those of the viewer's other pages, by name: the only SQL that a browser can run.
func queries() map[string]string {
	out := map[string]string{}
	for _, name := range []string{"viewer/first", "viewer/arrived", "viewer/episodes", "viewer/throttles", "viewer/frozen", "viewer/budgets"} {
		out[name] = schema.SQL(name)
	}
	for _, b := range dashboards.All() {
		for _, row := range b.Rows {
			for _, p := range row.Panels {
				out[p.Query] = p.SQL()
			}
		}
		for _, v := range b.Variables {
			out[v.Query] = v.SQL()
		}
		for _, a := range b.Annotations {
			out[a.Query] = a.SQL()
		}
	}
	return out
}

func (s *Server) rows(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("query")
	sql, ok := queries()[name]
	if !ok {
		fail(w, http.StatusNotFound, fmt.Errorf("no board has a query %q", name))
		return
	}
	q := r.URL.Query()
	span, step, err := rangeOf(q)
	if err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	variables := map[string]string{}
	for key, values := range q {
		if v, ok := strings.CutPrefix(key, "var-"); ok {
			variables[v] = values[0]
		}
	}
	text, err := dashboards.Expand(sql, span, step, variables)
	if err != nil {
		fail(w, http.StatusBadRequest, fmt.Errorf("%s: %w", name, err))
		return
	}
	answer, err := s.ask(r.Context(), text)
	if err != nil {
		s.deps.Log.Warn("viewer: a panel's query failed", "query", name, "error", err)
		fail(w, http.StatusBadGateway, fmt.Errorf("%s: %w", name, err))
		return
	}
	answer.Step = int(step / time.Second)
	write(w, answer)
}

// rangeOf reads from and to (Unix seconds) and points (how many a series may have, 20 to 1,000).
func rangeOf(q url.Values) (dashboards.Range, time.Duration, error) {
	from, err1 := strconv.ParseInt(q.Get("from"), 10, 64)
	to, err2 := strconv.ParseInt(q.Get("to"), 10, 64)
	if err1 != nil || err2 != nil || from < 0 || to <= from || to > 4_102_444_800 || time.Duration(to-from) > longestRange/time.Second {
		return dashboards.Range{}, 0, fmt.Errorf("from %q, to %q: want Unix seconds, from before to, at most ten years apart", q.Get("from"), q.Get("to"))
	}
	points := 120
	if text := q.Get("points"); text != "" {
		var err error
		if points, err = strconv.Atoi(text); err != nil || points < 20 || points > 1000 {
			return dashboards.Range{}, 0, fmt.Errorf("points %q: want 20 to 1000", text)
		}
	}
	span := dashboards.Range{From: time.Unix(from, 0).UTC(), To: time.Unix(to, 0).UTC()}
	return span, span.SeriesStep(niceStep(span.Step(points))), nil
}

// niceStep rounds up to a step people read easily and that divides the day.
func niceStep(step time.Duration) time.Duration {
	for _, s := range []time.Duration{1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720} {
		if step <= s*time.Minute {
			return s * time.Minute
		}
	}
	return (step + 24*time.Hour - 1) / (24 * time.Hour) * (24 * time.Hour)
}

// errNoAnswer is a database that isn't there or is too slow, as opposed to one that refuses.
var errNoAnswer = errors.New("the database did not answer")

// ask runs one statement as a reader.
func (s *Server) ask(ctx context.Context, sql string) (*Rows, error) {
	ctx, cancel := context.WithTimeout(ctx, queryLimit)
	defer cancel()
	params := url.Values{
		"database": {s.target.Database}, "default_format": {"JSONCompact"}, "readonly": {"2"},
		"max_execution_time": {strconv.Itoa(int(queryLimit / time.Second))}, "max_result_rows": {strconv.Itoa(rowLimit)}, "result_overflow_mode": {"break"},
		"output_format_json_quote_decimals": {"1"}, "output_format_json_quote_64bit_integers": {"1"},
		"cancel_http_readonly_queries_on_client_close": {"1"}, // who went to another page doesn't wait for this one
	}
	endpoint := s.target.Scheme + "://" + s.target.Host + "/?" + params.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(sql))
	if err != nil {
		return nil, errNoAnswer
	}
	req.SetBasicAuth(s.target.User, s.target.Password)
	resp, err := s.client.Do(req)
	if err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, fmt.Errorf("%w within %s", errNoAnswer, queryLimit)
		}
		return nil, errNoAnswer // the error may hold the URL
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, answerLimit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w to the end", errNoAnswer)
	case resp.StatusCode != http.StatusOK:
		return nil, errors.New(firstSentence(body))
	case len(body) > answerLimit:
		return nil, fmt.Errorf("the answer is larger than %d MiB: choose a shorter range", answerLimit>>20)
	}
	return decode(body)
}

func decode(body []byte) (*Rows, error) {
	var a struct {
		Meta       []Column
		Data       []json.RawMessage
		Statistics struct{ Elapsed float64 }
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	if err := dec.Decode(&a); err != nil {
		return nil, fmt.Errorf("the database's answer is no JSON: %s", firstSentence(body))
	}
	out := &Rows{Columns: a.Meta, Rows: a.Data, Took: a.Statistics.Elapsed, Fresh: time.Now().UTC().Format(time.RFC3339)}
	if len(out.Rows) > rowLimit {
		out.Rows, out.Cut = out.Rows[:rowLimit], true
	}
	if out.Rows == nil {
		out.Rows = []json.RawMessage{}
	}
	return out, nil
}

var exception = regexp.MustCompile(`(?s)^Code: (\d+)\.\s*(?:DB::Exception:\s*)?(.{0,400})`)

// firstSentence is an error of the database for a person.
func firstSentence(body []byte) string {
	text := strings.TrimSpace(string(body[:min(len(body), 1000)]))
	if m := exception.FindStringSubmatch(text); m != nil {
		return "ClickHouse error " + m[1] + ": " + strings.TrimSpace(m[2])
	}
	return text
}

func write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the browser has gone, if it fails
}

func fail(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()})
}
