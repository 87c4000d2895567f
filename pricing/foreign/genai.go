package foreign

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"
)

const standard = "standard"

// genaiProvider and what is below are genai-prices' data.json, as far as it is read.
type genaiProvider struct {
	ID     string       `json:"id"`
	URLs   []string     `json:"pricing_urls"`
	Models []genaiModel `json:"models"`
}

type genaiModel struct {
	ID       string          `json:"id"`
	Match    genaiMatch      `json:"match"`
	Prices   json.RawMessage `json:"prices"` // one set of prices, or a list of conditional ones
	Variants []genaiVariant  `json:"price_variants"`
}

type genaiMatch struct {
	Equals string       `json:"equals"`
	Or     []genaiMatch `json:"or"`
}

type genaiConstraint struct {
	StartDate string `json:"start_date"`
	StartTime string `json:"start_time"`
	EndTime   string `json:"end_time"`
}

type genaiConditional struct {
	Constraint genaiConstraint `json:"constraint"`
	Prices     map[string]any  `json:"prices"`
}

type genaiVariant struct {
	When       map[string]string `json:"when"`
	Constraint genaiConstraint   `json:"constraint"`
	Prices     map[string]any    `json:"prices"`
}

// genaiWords are the prices per million tokens that a price file has a word for, genaiUnits those per unit: × 1 ÷ per.
var genaiWords = map[string]string{
	"input_mtok": "input", "output_mtok": "output", "cache_read_mtok": "cache_read", "cache_write_mtok": "cache_write",
	"cache_write_5m_mtok": "cache_write", "cache_write_1h_mtok": "cache_write_1h", "input_audio_mtok": "audio_input",
	"output_audio_mtok": "audio_output", "input_image_mtok": "image_input", "output_reasoning_mtok": "reasoning",
}

var genaiUnits = map[string]struct {
	word string
	per  int64
}{
	"web_searches_kcount": {"search", 1000}, "requests_kcount": {"request", 1000}, "input_document_kpages": {"page", 1000},
	"audio_hours": {"second", 3600}, "input_audio_hours": {"second", 3600},
}

// genaiExtras are prices of things that a call's usage never counts: a model is priced without them, and the list says so.
var genaiExtras = map[string]bool{"storage_searches_kcount": true, "input_annotated_document_kpages": true}

func (l *leaver) genai(content []byte) ([]Provider, error) {
	var in []genaiProvider
	if err := decode(content, &in); err != nil {
		return nil, fmt.Errorf("genai-prices: %w", err)
	}
	var out []Provider
	for _, p := range in {
		if p.ID == "" {
			return nil, errors.New("genai-prices: a provider without an id")
		}
		provider := Provider{ID: p.ID}
		if len(p.URLs) > 0 && named(p.URLs[0]) {
			provider.URL = p.URLs[0]
		}
		for _, m := range p.Models {
			model := Model{Name: m.ID, Aliases: m.Match.names()}
			var err error
			if model.Periods, err = l.genaiPeriods(p.ID, &m); err != nil {
				l.leave(p.ID, m.ID, "prices", err.Error(), true)
			} else if model.free() {
				l.leave(p.ID, m.ID, "prices", "all zero: free or unknown isn't said", true)
			} else {
				provider.Models = append(provider.Models, model)
			}
		}
		out = append(out, provider)
	}
	return out, nil
}

// names are those that equal the model's; patterns are guesses.
func (m *genaiMatch) names() []string {
	var out []string
	if m.Equals != "" {
		out = append(out, m.Equals)
	}
	for i := range m.Or {
		out = append(out, m.Or[i].names()...)
	}
	return out
}

// genaiPeriods makes dated periods of prices of which the last one that applies holds.
func (l *leaver) genaiPeriods(provider string, m *genaiModel) ([]Period, error) {
	conditional := []genaiConditional{{}}
	if strings.HasPrefix(strings.TrimSpace(string(m.Prices)), "[") {
		conditional = nil
		if err := decode(m.Prices, &conditional); err != nil {
			return nil, err
		}
	} else if err := decode(m.Prices, &conditional[0].Prices); err != nil {
		return nil, err
	}
	days := map[string]bool{"": true}
	for _, c := range conditional {
		days[c.Constraint.StartDate] = true
	}
	for _, v := range m.Variants {
		days[v.Constraint.StartDate] = true
		if v.Constraint.StartTime != "" {
			return nil, errors.New("a tier's price that changes with the hour of the day")
		}
	}
	order := slices.Sorted(maps.Keys(days)) // "" is the beginning
	for _, day := range order[1:] {
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			return nil, fmt.Errorf("start_date %.20q is no day", day)
		}
	}
	var out []Period
	for i, day := range order {
		periods, err := l.genaiDay(provider, m, conditional, day)
		if err != nil {
			return nil, err
		}
		for _, p := range periods {
			p.From = day
			if i+1 < len(order) {
				p.To = order[i+1]
			}
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("no prices")
	}
	return merged(out), nil
}

// genaiDay are the prices that hold from a day on: those of all day, and those of its hours.
func (l *leaver) genaiDay(provider string, m *genaiModel, conditional []genaiConditional, day string) ([]Period, error) {
	base := -1
	for i, c := range conditional {
		if c.Constraint.StartTime == "" && c.Constraint.StartDate <= day {
			base = i
		}
	}
	if base < 0 {
		return nil, nil // what held before isn't said
	}
	build := func(prices map[string]any, hours string) (Period, error) {
		p := Period{Hours: hours, Tiers: map[string]Tier{}}
		var err error
		if p.Tiers[standard], err = l.genaiTier(provider, m.ID, prices); err != nil {
			return p, err
		}
		return p, l.genaiVariants(provider, m, prices, day, &p)
	}
	all, err := build(conditional[base].Prices, "")
	if err != nil {
		return nil, err
	}
	out := []Period{all}
	for i, c := range conditional {
		if c.Constraint.StartTime == "" || i < base { // what comes after stands above
			continue
		}
		from, to := clock(c.Constraint.StartTime), clock(c.Constraint.EndTime)
		if from == "" || to == "" {
			return nil, fmt.Errorf("hours %s to %s aren't whole minutes UTC", c.Constraint.StartTime, c.Constraint.EndTime)
		}
		p, err := build(c.Prices, from+"-"+to)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// condition is when a variant holds, for people: "route: eu".
func condition[V any](when map[string]V) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(when)) {
		out = append(out, fmt.Sprintf("%s: %v", k, when[k]))
	}
	return strings.Join(out, ", ")
}

// clock cuts 16:30:00+00:00 and 16:30:00Z down to 16:30; empty if it is no whole minute of UTC.
func clock(s string) string {
	for _, end := range []string{":00+00:00", ":00Z"} {
		if rest, ok := strings.CutSuffix(s, end); ok && len(rest) == len("16:30") {
			return rest
		}
	}
	return ""
}

// genaiVariants adds the tiers: prices laid over the standard ones for a kind of request.
func (l *leaver) genaiVariants(provider string, m *genaiModel, base map[string]any, day string, p *Period) error {
	over := map[string]map[string]any{}
	for _, v := range m.Variants {
		if v.Constraint.StartDate > day {
			continue
		}
		tier := tierOf(v.When)
		if tier == "" {
			l.leave(provider, m.ID, "prices when "+condition(v.When), "no tier that a call's record can tell", false)
			continue
		}
		if over[tier] == nil {
			over[tier] = map[string]any{}
		}
		for k, price := range v.Prices {
			if _, ok := over[tier][k]; !ok { // the first one holds
				over[tier][k] = price
			}
		}
	}
	for tier, prices := range over {
		all := map[string]any{}
		maps.Copy(all, base)
		maps.Copy(all, prices)
		t, err := l.genaiTier(provider, m.ID, all)
		if err != nil {
			return fmt.Errorf("tier %s: %w", tier, err)
		}
		if tier == standard {
			if fmt.Sprint(t) != fmt.Sprint(p.Tiers[standard]) {
				return errors.New("the default tier costs something else than no tier")
			}
			continue
		}
		p.Tiers[tier] = t
	}
	return nil
}

// tierOf is the tier of a variant: the processing, the tier or the speed that the call's record names.
func tierOf(when map[string]string) string {
	if len(when) != 1 {
		return ""
	}
	switch {
	case when["service_tier"] == "default":
		return standard
	case when["service_tier"] != "":
		return when["service_tier"]
	case when["processing"] == "batch":
		return "batch"
	case when["speed"] == "fast":
		return "fast"
	}
	return ""
}

// genaiTier reads one set of prices.
func (l *leaver) genaiTier(provider, model string, prices map[string]any) (Tier, error) {
	t := Tier{Million: map[string]string{}, Unit: map[string]string{}}
	var starts []int64
	steps := map[string][]genaiStep{}
	for _, key := range slices.Sorted(maps.Keys(prices)) {
		if prices[key] == nil {
			continue
		}
		if genaiExtras[key] {
			l.once(provider, model, key, "calls don't count it")
			continue
		}
		base, tiers, err := genaiTiers(prices[key])
		if err != nil {
			return t, fmt.Errorf("%s: %w", key, err)
		}
		if unit, ok := genaiUnits[key]; ok {
			if len(tiers) > 0 {
				return t, fmt.Errorf("%s: a price per unit that changes with the input's length", key)
			}
			text, err := scaled(base, 1, unit.per)
			if have, ok := t.Unit[unit.word]; err == nil && ok && have != text {
				err = fmt.Errorf("two prices per %s", unit.word)
			}
			if err != nil {
				return t, fmt.Errorf("%s: %w", key, err)
			}
			t.Unit[unit.word] = text
			continue
		}
		word, ok := genaiWords[key]
		if !ok {
			return t, fmt.Errorf("%s: price files have no such price", key)
		}
		if t.Million[word], err = scaled(base, 1, 1); err != nil {
			return t, fmt.Errorf("%s: %w", key, err)
		}
		steps[word] = tiers
		for _, s := range tiers {
			starts = append(starts, s.start)
		}
	}
	slices.Sort(starts)
	for _, start := range slices.Compact(starts) {
		step := Step{start, map[string]string{}}
		for word, tiers := range steps {
			for _, s := range tiers {
				if s.start <= start {
					step.Million[word] = s.price
				}
			}
		}
		t.Above = append(t.Above, step)
	}
	return t, nil
}

type genaiStep struct {
	start int64
	price string
}

// genaiTiers reads a price: a number, or a base with steps by the input's length.
func genaiTiers(v any) (base any, steps []genaiStep, err error) {
	tiered, ok := v.(map[string]any)
	if !ok {
		return v, nil, nil
	}
	list, _ := tiered["tiers"].([]any)
	for _, item := range list {
		step, _ := item.(map[string]any)
		start, ok := new(big.Int).SetString(fmt.Sprint(step["start"]), 10)
		if !ok || !start.IsInt64() || start.Sign() <= 0 {
			return nil, nil, fmt.Errorf("a step at %v tokens", step["start"])
		}
		price, err := scaled(step["price"], 1, 1)
		if err != nil {
			return nil, nil, err
		}
		steps = append(steps, genaiStep{start.Int64(), price})
	}
	slices.SortStableFunc(steps, func(a, b genaiStep) int { return int(a.start - b.start) })
	return tiered["base"], steps, nil
}

// once notes what is left out of a model one time, in how many periods and tiers it may stand.
func (l *leaver) once(provider, model, what, reason string) {
	for _, have := range l.left {
		if have.Provider == provider && have.Model == model && have.What == what {
			return
		}
	}
	l.leave(provider, model, what, reason, false)
}

// merged joins periods that follow each other with the same prices and hours.
func merged(in []Period) []Period {
	var out []Period
	for _, p := range in {
		joined := false
		for i := range out {
			have := &out[i]
			if have.Hours == p.Hours && have.To == p.From && p.From != "" && fmt.Sprint(have.Tiers) == fmt.Sprint(p.Tiers) {
				have.To, joined = p.To, true
			}
		}
		if !joined {
			out = append(out, p)
		}
	}
	return out
}
