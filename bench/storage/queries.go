package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/dashboards"
	"github.com/tollkeeper/tollkeeper/schema"
)

// query is one of the product's own that reads reports, with its parameters.
type query struct {
	name, text string
	parameters clickhouse.Parameters
}

var (
	readsReports = regexp.MustCompile(`\bcalls(?:_of)?\(|\b(?:FROM|JOIN)\s+call_reports\b`)
	parameter    = regexp.MustCompile(`\{(\w+):([^}]+)\}`)
	// What reads nothing that a layout changes: the write of a batch, and what only wants the newest parts.
	leftOut = map[string]bool{"ingest/mark_unproved": true}
	// How long a window each query is given, where it isn't an hour.
	windows = map[string]time.Duration{
		"rollup/minute": time.Minute, "alerts/crossings": time.Minute, "alerts/open_spend": 2 * time.Minute, "alerts/open_spend_by": 2 * time.Minute,
		"alerts/window_spend": time.Minute, "alerts/quotas": time.Minute, "settle/others": 31 * time.Minute, "report/calls": 10 * time.Minute,
		"alerts/replay": 10 * time.Minute, "rerate/reports": 10 * time.Minute, "rerate/write": 10 * time.Minute,
	}
)

// subject is one stored report, for the queries that want one.
type subject struct {
	tenant, trace, span string
	minute              time.Time
}

// queries are all of schema/queries that read reports, as they are now: another query is measured without a change here.
func queries(s subject, end time.Time) ([]query, error) {
	var out []query
	for _, name := range schema.Names() {
		text := strings.Join(schema.Statements(schema.SQL(name)), "; ")
		if !readsReports.MatchString(text) || leftOut[name] || strings.HasPrefix(name, "boards/") || strings.HasPrefix(name, "dashboards/") { // panels come below, with what is written out in them
			continue
		}
		q := query{name: name, text: reading(text), parameters: clickhouse.Parameters{}}
		for _, m := range parameter.FindAllStringSubmatch(text, -1) {
			value, err := s.value(name, m[1], m[2])
			if err != nil {
				return nil, err
			}
			q.parameters[m[1]] = value
		}
		out = append(out, q)
	}
	for _, b := range dashboards.All() {
		back, err := time.ParseDuration(strings.TrimPrefix(b.From, "now-"))
		if err != nil {
			return nil, fmt.Errorf("board %s: range %q: %w", b.UID, b.From, err)
		}
		r := dashboards.Range{From: end.Add(-back), To: end}
		variables := map[string]string{"tenant": hexed(s.tenant), "trace": s.trace}
		for _, row := range b.Rows {
			for _, p := range row.Panels {
				if !readsReports.MatchString(p.SQL()) {
					continue
				}
				text, err := dashboards.Expand(p.SQL(), r, r.Step(100), variables)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", p.Query, err)
				}
				out = append(out, query{name: "dashboards/" + strings.TrimPrefix(p.Query, "dashboards/"), text: reading(strings.Join(schema.Statements(text), "; "))})
			}
		}
	}
	return out, nil
}

// reading is the SELECT of a statement that inserts what it reads.
func reading(text string) string {
	if rest, ok := strings.CutPrefix(text, "INSERT INTO "); ok {
		from := len(rest)
		for _, word := range []string{" WITH ", " SELECT "} {
			if i := strings.Index(rest, word); i >= 0 {
				from = min(from, i+1)
			}
		}
		text = rest[from:]
	}
	return text + " FORMAT Null"
}

func (s subject) value(query, name, kind string) (string, error) {
	length := time.Hour
	if w, ok := windows[query]; ok {
		length = w
	}
	const second = "2006-01-02 15:04:05"
	switch name {
	case "from", "minute", "window":
		return s.minute.Format(second), nil
	case "start":
		return s.minute.Format(second + ".000000000"), nil
	case "before":
		return s.minute.Add(-length).Format(second), nil
	case "to":
		return s.minute.Add(length).Format(second), nil
	case "until", "end":
		return s.minute.Add(length).Format(second + map[bool]string{true: ".000000000"}[strings.HasPrefix(kind, "DateTime64")]), nil
	case "tenant":
		return s.tenant, nil
	case "trace":
		return s.trace, nil
	case "span":
		return s.span, nil
	case "traces":
		return "['" + s.trace + "']", nil
	case "by", "dimension":
		return "team", nil
	case "tenants":
		return "['" + s.tenant + "']", nil
	case "values":
		return "['']", nil
	case "windows":
		return "['" + s.minute.Format(second) + "']", nil
	case "ns", "workers":
		return "[1]", nil
	case "needs":
		return "['1000000']", nil // USD: is never reached, so that all is read
	case "usd":
		return "0.000001", nil
	case "tenant_usd": // beside tenants
		return "['0.000001']", nil
	case "tenant_calls":
		return "[1]", nil
	case "calls":
		return "1", nil
	case "every":
		return "1", nil
	}
	switch {
	case strings.HasPrefix(kind, "UInt"), strings.HasPrefix(kind, "Int"):
		return "1", nil
	case kind == "String":
		return "", nil
	case strings.HasPrefix(kind, "Array"):
		return "[]", nil
	case kind == "UUID":
		return "00000000-0000-0000-0000-000000000000", nil
	case kind == "Date":
		return s.minute.Format(time.DateOnly), nil
	}
	return "", fmt.Errorf("%s: no value for {%s:%s}: give one in bench/storage/queries.go", query, name, kind)
}

// run is the best of some rounds, in seconds: other work on the machine only ever adds.
func (q query) run(ctx context.Context, conn driver.Conn, rounds int) (float64, error) {
	best := 0.0
	for i := range rounds {
		began := time.Now()
		if err := conn.Exec(clickhouse.Context(ctx, clickhouse.WithParameters(q.parameters)), q.text); err != nil {
			return 0, fmt.Errorf("%s: %w", q.name, err)
		}
		if took := time.Since(began).Seconds(); i == 0 || took < best {
			best = took
		}
	}
	return best, nil
}
