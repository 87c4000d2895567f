package reconcile

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// table is a CSV format: it is known by its columns.
type table struct {
	name     string
	provider string   // whose console writes it; empty: anybody's
	columns  []string // that it must have
	row      func(*Statement, record) error
}

// The tables, the first that fits first.
func tables() []table {
	return []table{
		{"OpenAI cost CSV", "openai", []string{"start_time", "amount_value", "amount_currency"}, (*Statement).openaiCost},
		{"OpenAI usage CSV", "openai", []string{"start_time", "model", "input_tokens", "output_tokens"}, (*Statement).openaiUsage},
		{"Anthropic cost CSV", "anthropic", []string{"usage_date_utc", "model", "cost_usd"}, (*Statement).anthropicCost},
		{"Anthropic usage CSV", "anthropic", []string{"usage_date_utc", "model_version", "usage_input_tokens_no_cache", "usage_output_tokens"}, (*Statement).anthropicUsage},
		{"plain CSV", "", []string{"date", "amount_usd"}, (*Statement).plainRow},
	}
}

// record is a row by column name.
type record map[string]string

func (r record) count(columns ...string) (n int64, err error) {
	for _, c := range columns {
		text := strings.TrimSpace(r[c])
		if text == "" {
			continue
		}
		v, err := strconv.ParseInt(text, 10, 64)
		if err != nil || v < 0 || v > mostTokens {
			return 0, fmt.Errorf("%s %q: want a whole number", c, text)
		}
		n += v
	}
	return n, nil
}

func (s *Statement) readCSV(f *File, content []byte) error {
	r := csv.NewReader(bytes.NewReader(content))
	r.FieldsPerRecord, r.LazyQuotes, r.ReuseRecord = -1, false, true
	if line, _, _ := bytes.Cut(content, []byte("\n")); bytes.Count(line, []byte("\t")) > bytes.Count(line, []byte(",")) {
		r.Comma = '\t'
	}
	first, err := r.Read()
	if err != nil {
		return fmt.Errorf("no header: %w", err)
	}
	header := make([]string, len(first))
	for i, name := range first {
		header[i] = strings.ToLower(strings.TrimSpace(name))
		if name != "" && slices.Index(header[:i], header[i]) >= 0 {
			return fmt.Errorf("column %q is there twice", header[i])
		}
	}
	t, err := s.tableOf(header)
	if err != nil {
		return err
	}
	f.Format = t.name
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		line, _ := r.FieldPos(0)
		if len(fields) != len(header) {
			return fmt.Errorf("line %d: %d fields where the header has %d", line, len(fields), len(header))
		}
		row := record{}
		for i, v := range fields {
			row[header[i]] = strings.TrimSpace(v)
		}
		if err := t.row(s, row); err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
		f.Lines++
	}
}

func (s *Statement) tableOf(header []string) (table, error) {
	var known []string
	for _, t := range tables() {
		if t.provider != "" && t.provider != s.Provider {
			continue
		}
		known = append(known, t.name+" ("+strings.Join(t.columns, ", ")+", …)")
		if !slices.ContainsFunc(t.columns, func(c string) bool { return !slices.Contains(header, c) }) {
			return t, nil
		}
	}
	return table{}, fmt.Errorf("columns %s are none of an export that is known for %s: %s", clip(strings.Join(header, ", ")), s.Provider, strings.Join(known, "; "))
}

func clip(text string) string {
	if len(text) > 200 {
		return strings.ToValidUTF8(text[:200], "") + "…"
	}
	return text
}

// openaiCost reads a row of the cost export of OpenAI's console. A day without spend is a row without an amount.
func (s *Statement) openaiCost(r record) error {
	if r["amount_value"] == "" {
		return nil
	}
	if !strings.EqualFold(r["amount_currency"], "usd") {
		return fmt.Errorf("amount_currency %q: %w", r["amount_currency"], errCurrency)
	}
	day, err := unixDay(r["start_time"], r["end_time"], true)
	if err != nil {
		return err
	}
	c := Charge{Day: day, Item: r["line_item"]}
	if r["quantity"] != "" && strings.HasPrefix(r["quantity_unit"], "token") {
		q, err := parseAmount(r["quantity"], 0)
		if err != nil {
			return fmt.Errorf("quantity: %w", err)
		}
		if whole, ok := wholeNumber(q); ok {
			c.Tokens, c.HasTokens = whole, true
		}
	}
	return s.charge(c, r["amount_value"], 0)
}

func wholeNumber(a amount) (int64, bool) {
	if a.places > 0 || a.Sign() < 0 {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSuffix(a.Short(), ".00"), 10, 64)
	return n, err == nil
}

func (s *Statement) openaiUsage(r record) error {
	day, err := unixDay(r["start_time"], r["end_time"], false)
	if err != nil {
		return err
	}
	counts := map[string]int64{}
	for _, name := range openaiCounts {
		if counts[name], err = r.count(name); err != nil {
			return err
		}
	}
	tier := r["service_tier"]
	if batch, err := strconv.ParseBool(r["batch"]); err == nil && batch {
		tier = "batch"
	}
	u, err := openaiTokens(counts, r["input_text_tokens"] != "")
	if err != nil {
		return err
	}
	u.Day, u.Model, u.Tier = day, r["model"], tier
	return s.use(u)
}

// unixDay is the day of UTC of a bucket that starts and ends at Unix seconds; a bucket of cost is one day.
func unixDay(start, end string, whole bool) (time.Time, error) {
	from, err := strconv.ParseInt(start, 10, 64)
	if err != nil || from < 0 || from > 1<<33 {
		return time.Time{}, fmt.Errorf("start_time %q: want Unix seconds", start)
	}
	const day = 24 * 3600
	if end != "" {
		to, err := strconv.ParseInt(end, 10, 64)
		if err != nil || to <= from || to > 1<<34 {
			return time.Time{}, fmt.Errorf("end_time %q: want Unix seconds after start_time", end)
		}
		if to > (from/day+1)*day {
			return time.Time{}, fmt.Errorf("start_time %q to end_time %q: more than one day of UTC; export it by day (bucket_width=1d)", start, end)
		}
	}
	if whole && from%day != 0 {
		return time.Time{}, fmt.Errorf("start_time %q: not the start of a day of UTC", start)
	}
	return time.Unix(from/day*day, 0).UTC(), nil
}

func dateOf(text string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC().Truncate(24 * time.Hour), nil
		}
	}
	return time.Time{}, fmt.Errorf("day %q: want a day of UTC such as 2026-11-30", clip(text))
}

// anthropicCost reads a row of the cost export of Anthropic's console. list_price_usd beside it is before discounts: the bill
// is cost_usd.
func (s *Statement) anthropicCost(r record) error {
	day, err := dateOf(r["usage_date_utc"])
	if err != nil {
		return err
	}
	c := Charge{Day: day, Model: r["model"], Item: r["token_type"]}
	if kind := r["cost_type"]; kind != "" && !strings.HasPrefix(kind, "token") {
		c.Item = strings.TrimSpace(kind + " " + c.Item)
	}
	return s.charge(c, r["cost_usd"], 0)
}

func (s *Statement) anthropicUsage(r record) error {
	day, err := dateOf(r["usage_date_utc"])
	if err != nil {
		return err
	}
	u := Usage{Day: day, Model: r["model_version"], Tier: r["usage_type"]}
	for bucket, column := range map[ledger.Bucket]string{
		ledger.FreshInput: "usage_input_tokens_no_cache", ledger.CacheWrite5m: "usage_input_tokens_cache_write_5m", ledger.CacheWrite1h: "usage_input_tokens_cache_write_1h",
		ledger.CacheRead: "usage_input_tokens_cache_read", ledger.TextOutput: "usage_output_tokens",
	} {
		if u.Tokens[bucket], err = r.count(column); err != nil {
			return err
		}
	}
	return s.use(u)
}

// plainRow reads a row of the CSV that anybody can write: date and amount_usd, and if wanted model, item, kind, tier, requests
// and a column per bucket of tokens (fresh_input, cache_read, cache_write_5m, cache_write_1h, audio_input, image_input,
// text_output, reasoning, audio_output).
func (s *Statement) plainRow(r record) error {
	day, err := dateOf(r["date"])
	if err != nil {
		return err
	}
	if p := r["provider"]; p != "" && !strings.EqualFold(p, s.Provider) {
		return fmt.Errorf("provider %q: the bill is of %s", p, s.Provider)
	}
	if c := r["currency"]; c != "" && !strings.EqualFold(c, "usd") {
		return fmt.Errorf("currency %q: %w", c, errCurrency)
	}
	kind, err := kindNamed(r["kind"])
	if err != nil {
		return err
	}
	u, told := Usage{Day: day, Model: r["model"], Tier: r["tier"]}, false
	for i := range u.Tokens {
		name := ledger.Bucket(i).String()
		if u.Tokens[i], err = r.count(name); err != nil {
			return err
		}
		told = told || r[name] != ""
	}
	if u.Requests, err = r.count("requests"); err != nil {
		return err
	}
	if told {
		if err := s.use(u); err != nil {
			return err
		}
	}
	if r["amount_usd"] == "" {
		if told {
			return nil
		}
		return errors.New("amount_usd is empty, and no tokens are told: write 0 if the line is free")
	}
	return s.charge(Charge{Day: day, Model: r["model"], Item: r["item"], Kind: kind}, r["amount_usd"], 0)
}
