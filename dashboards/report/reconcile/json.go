package reconcile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// page is a page of the usage and cost APIs of OpenAI (/v1/organization/costs, /v1/organization/usage/…) and Anthropic
// (/v1/organizations/cost_report, /v1/organizations/usage_report/messages): buckets of time that hold results; or of Anthropic's newer
// ones (/v1/organizations/analytics/cost and …/usage): rows, each with its time.
type page struct {
	Data    []bucket `json:"data"`
	HasMore *bool    `json:"has_more"`
	// Refreshed is up to when the provider had counted, of Anthropic's analytics: later uses aren't in the page.
	Refreshed string `json:"data_refreshed_at"`
}

type bucket struct {
	StartTime  json.Number       `json:"start_time"` // OpenAI: Unix seconds
	EndTime    json.Number       `json:"end_time"`
	StartingAt string            `json:"starting_at"` // Anthropic: RFC 3339
	EndingAt   string            `json:"ending_at"`
	Results    []json.RawMessage `json:"results"`
	analyticsRow
}

// readJSON reads pages that follow each other, or a list of pages.
func (s *Statement) readJSON(f *File, content []byte) error {
	var pages []page
	dec := json.NewDecoder(bytes.NewReader(content))
	for {
		var raw json.RawMessage
		err := dec.Decode(&raw)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("no JSON: %w", err)
		}
		if raw[0] == '[' {
			var list []page
			if err = json.Unmarshal(raw, &list); err == nil {
				pages = append(pages, list...)
			}
		} else {
			var p page
			if err = json.Unmarshal(raw, &p); err == nil {
				pages = append(pages, p)
			}
		}
		if err != nil {
			return fmt.Errorf("page %d: %w", len(pages)+1, err)
		}
	}
	for i, p := range pages {
		if p.Data == nil || p.HasMore == nil {
			return fmt.Errorf("page %d: no answer of a usage or cost API, which has data and has_more", i+1)
		}
		if last := i == len(pages)-1; last && *p.HasMore {
			return fmt.Errorf("page %d says has_more: it isn't the last; append the answers for its next_page", i+1)
		}
		if err := f.refreshed(p.Refreshed); err != nil {
			return fmt.Errorf("page %d: %w", i+1, err)
		}
		for j, b := range p.Data {
			if err := s.bucket(f, b); err != nil {
				return fmt.Errorf("page %d, bucket %d: %w", i+1, j+1, err)
			}
		}
	}
	if f.Format == "" {
		f.Format = s.Provider + " API, without results"
	}
	return nil
}

// refreshed keeps the earliest time up to which a page of the file is complete.
func (f *File) refreshed(text string) error {
	if text == "" {
		return nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return fmt.Errorf("data_refreshed_at %q: want RFC 3339", clip(text))
	}
	if f.AsOf.IsZero() || at.Before(f.AsOf) {
		f.AsOf = at.UTC()
	}
	return nil
}

func (s *Statement) bucket(f *File, b bucket) error {
	read, day, err := s.openaiResult, time.Time{}, error(nil)
	switch {
	case b.StartTime != "" && s.Provider == "openai":
		day, err = unixDay(b.StartTime.String(), b.EndTime.String(), false)
	case b.StartingAt != "" && s.Provider == "anthropic":
		read = s.anthropicResult
		day, err = spanDay(b.StartingAt, b.EndingAt)
		if err == nil && b.told() {
			if f.Format, err = s.analytics(day, b.analyticsRow); err == nil {
				f.Lines++
			}
			return err
		}
	default:
		err = fmt.Errorf("no bucket of %s: OpenAI's have start_time, Anthropic's starting_at", s.Provider)
	}
	if err == nil && b.Results == nil {
		err = errors.New("neither results nor usage nor cost: no answer of these APIs (reports by user leave out what no user made)")
	}
	if err != nil {
		return err
	}
	for i, raw := range b.Results {
		format, err := read(day, raw)
		if err != nil {
			return fmt.Errorf("result %d: %w", i+1, err)
		}
		f.Format = format
		f.Lines++
	}
	return nil
}

func spanDay(start, end string) (time.Time, error) {
	from, err := time.Parse(time.RFC3339Nano, start)
	if err != nil {
		return time.Time{}, fmt.Errorf("starting_at %q: want RFC 3339", clip(start))
	}
	day := from.UTC().Truncate(24 * time.Hour)
	if end != "" {
		to, err := time.Parse(time.RFC3339Nano, end)
		if err != nil || !from.Before(to) {
			return day, fmt.Errorf("ending_at %q: want RFC 3339, after starting_at", clip(end))
		}
		if to.After(day.AddDate(0, 0, 1)) {
			return day, fmt.Errorf("from %s to %s: more than one day of UTC; ask for bucket_width=1d, or time_bucket_width=1d", start, end)
		}
	}
	return day, nil
}

// The counts of OpenAI's usage, as the API and the console's CSV name them.
var openaiCounts = []string{"num_model_requests", "input_tokens", "output_tokens", "input_cached_tokens", "input_audio_tokens", "output_audio_tokens",
	"input_cached_audio_tokens", "input_image_tokens", "input_cached_image_tokens", "input_text_tokens", "input_cache_write_tokens"}

// openaiTokens makes disjoint buckets of them. input_tokens holds the cached ones; where the counts are told by modality
// (input_text_tokens is there), it holds audio and images too.
func openaiTokens(n map[string]int64, byModality bool) (Usage, error) {
	u := Usage{Requests: n["num_model_requests"]}
	u.Tokens[ledger.CacheRead] = n["input_cached_tokens"]
	u.Tokens[ledger.AudioInput] = n["input_audio_tokens"]
	u.Tokens[ledger.AudioOutput] = n["output_audio_tokens"]
	u.Tokens[ledger.CacheWrite5m] = n["input_cache_write_tokens"]
	fresh, text := n["input_tokens"]-n["input_cached_tokens"]-n["input_cache_write_tokens"], n["output_tokens"]
	if byModality {
		u.Tokens[ledger.AudioInput] -= n["input_cached_audio_tokens"]
		u.Tokens[ledger.ImageInput] = n["input_image_tokens"] - n["input_cached_image_tokens"]
		fresh -= u.Tokens[ledger.AudioInput] + u.Tokens[ledger.ImageInput]
		text -= n["output_audio_tokens"]
	}
	u.Tokens[ledger.FreshInput], u.Tokens[ledger.TextOutput] = fresh, text
	if fresh < 0 || text < 0 {
		return u, fmt.Errorf("input_tokens %d, output_tokens %d: fewer than their parts", n["input_tokens"], n["output_tokens"])
	}
	return u, nil
}

func (s *Statement) openaiResult(day time.Time, raw json.RawMessage) (string, error) {
	var r struct {
		Object string `json:"object"`
		Amount *struct {
			Value    json.RawMessage `json:"value"`
			Currency string          `json:"currency"`
		} `json:"amount"`
		LineItem    *string      `json:"line_item"`
		Quantity    *json.Number `json:"quantity"`
		Model       *string      `json:"model"`
		Batch       *bool        `json:"batch"`
		ServiceTier *string      `json:"service_tier"`
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return "", err
	}
	if r.Amount != nil {
		if !strings.EqualFold(r.Amount.Currency, "usd") {
			return "", fmt.Errorf("currency %q: %w", r.Amount.Currency, errCurrency)
		}
		return "OpenAI costs API", s.charge(Charge{Day: day, Item: text(r.LineItem)}, strings.Trim(string(r.Amount.Value), `"`), 0)
	}
	if !strings.HasPrefix(r.Object, "organization.usage.") {
		return "", fmt.Errorf("object %q: want organization.costs.result or organization.usage.….result", clip(r.Object))
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		return "", err
	}
	counts := map[string]int64{}
	for _, name := range openaiCounts {
		n, err := record{name: strings.TrimSuffix(strings.Trim(string(all[name]), `"`), "null")}.count(name)
		if err != nil {
			return "", err
		}
		counts[name] = n
	}
	_, byModality := all["input_text_tokens"]
	u, err := openaiTokens(counts, byModality && string(all["input_text_tokens"]) != "null")
	if err != nil {
		return "", err
	}
	u.Day, u.Model, u.Tier = day, text(r.Model), text(r.ServiceTier)
	if r.Batch != nil && *r.Batch {
		u.Tier = "batch"
	}
	return "OpenAI usage API", s.use(u)
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func or(texts ...string) string {
	for _, s := range texts {
		if s != "" {
			return s
		}
	}
	return ""
}
