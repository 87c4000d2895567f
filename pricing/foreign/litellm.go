package foreign

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// litellmWords are LiteLLM's prices per token that a price file has a word for.
var litellmWords = map[string]string{
	"input_cost_per_token": "input", "output_cost_per_token": "output", "output_cost_per_reasoning_token": "reasoning",
	"cache_read_input_token_cost": "cache_read", "cache_creation_input_token_cost": "cache_write",
	"cache_creation_input_token_cost_above_1hr": "cache_write_1h", "input_cost_per_audio_token": "audio_input",
	"output_cost_per_audio_token": "audio_output", "input_cost_per_image_token": "image_input",
}

// litellmUnits are its prices per unit. A price per second is one of audio or video.
var litellmUnits = map[string]string{
	"output_cost_per_image": "image", "ocr_cost_per_page": "page", "input_cost_per_request": "request", "input_cost_per_second": "second",
	"output_cost_per_second": "second", "cost_per_second": "second", "input_cost_per_query": "search",
}

// litellmTiers are the ends of its names for what isn't the standard tier.
var litellmTiers = map[string]string{"_batches": "batch", "_flex": "flex", "_priority": "priority"}

// litellmExtras price things that a call's usage never counts.
var litellmExtras = regexp.MustCompile(`^(code_interpreter|file_search|vector_store|computer_use|google_maps|guardrail|annotation_cost|search_context_cost)|dbu`)

var litellmAbove = regexp.MustCompile(`_above_(\d+)k_tokens`)

type litellmModel map[string]any

func (l *leaver) litellm(content []byte) ([]Provider, error) {
	var in map[string]litellmModel
	if err := decode(content, &in); err != nil {
		return nil, fmt.Errorf("LiteLLM: %w", err)
	}
	byID := map[string]*Provider{}
	for _, name := range slices.Sorted(maps.Keys(in)) {
		m := in[name]
		if name == "sample_spec" {
			continue
		}
		id, _ := m["litellm_provider"].(string)
		if id == "" {
			l.leave("", name, "litellm_provider", "no provider: a name without one can stand for anything", true)
			continue
		}
		model := Model{Name: strings.TrimPrefix(name, id+"/")}
		if model.Name == "*" || model.Name == "" {
			l.leave(id, name, "name", "stands for no model", true)
			continue
		}
		if model.URL, _ = m["source"].(string); !named(model.URL) {
			model.URL = ""
		}
		tiers, err := l.litellmModel(id, model.Name, m)
		model.Periods = []Period{{Tiers: tiers}}
		switch {
		case err != nil:
			l.leave(id, model.Name, "prices", err.Error(), true)
		case model.free():
			l.leave(id, model.Name, "prices", "none, or all zero: free or unknown isn't said", true)
		default:
			p := byID[id]
			if p == nil {
				p = &Provider{ID: id}
				byID[id] = p
			}
			p.Models = append(p.Models, model)
		}
	}
	var out []Provider
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		out = append(out, *byID[id])
	}
	return out, nil
}

// litellmModel reads one model's prices into tiers.
func (l *leaver) litellmModel(provider, name string, m litellmModel) (map[string]Tier, error) {
	tiers := map[string]Tier{}
	of := func(tier string) Tier {
		if _, ok := tiers[tier]; !ok {
			tiers[tier] = Tier{Million: map[string]string{}, Unit: map[string]string{}}
		}
		return tiers[tier]
	}
	of(standard)
	steps := map[string]map[int64]map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		v := m[key]
		if v == nil || !strings.Contains(key, "cost") && !strings.Contains(key, "pricing") {
			continue
		}
		if litellmExtras.MatchString(key) {
			l.leave(provider, name, key, "calls don't count it, or not by what it depends on", false)
			continue
		}
		if key == "tiered_pricing" {
			return tiers, errors.New("tiered_pricing: says ranges of the input and not what holds at their ends")
		}
		if n, err := number(v); err == nil && n.Sign() == 0 && key != "input_cost_per_token" && key != "output_cost_per_token" {
			l.leave(provider, name, key, "zero: free or unknown isn't said", false)
			continue
		}
		if unit, ok := litellmUnits[key]; ok {
			text, err := scaled(v, 1, 1)
			if have := of(standard).Unit[unit]; err == nil && have != "" && have != text {
				err = fmt.Errorf("two prices per %s", unit)
			}
			if err != nil {
				return tiers, fmt.Errorf("%s: %w", key, err)
			}
			tiers[standard].Unit[unit] = text
			continue
		}
		word, tier, above, err := litellmKey(key)
		if err != nil {
			return tiers, err
		}
		text, err := scaled(v, 1_000_000, 1)
		if err != nil {
			return tiers, fmt.Errorf("%s: %w", key, err)
		}
		if above == 0 {
			of(tier).Million[word] = text
			continue
		}
		of(tier)
		if steps[tier] == nil {
			steps[tier] = map[int64]map[string]string{}
		}
		if steps[tier][above] == nil {
			steps[tier][above] = map[string]string{}
		}
		steps[tier][above][word] = text
	}
	return tiers, finish(tiers, steps)
}

// litellmKey takes a key apart: input_cost_per_token_above_200k_tokens_batches.
func litellmKey(key string) (word, tier string, above int64, err error) {
	base := key
	tier = standard
	for end, t := range litellmTiers {
		if rest, ok := strings.CutSuffix(base, end); ok {
			base, tier = rest, t
		}
	}
	if m := litellmAbove.FindStringSubmatch(base); m != nil {
		if above, err = strconv.ParseInt(m[1], 10, 32); err != nil {
			return "", "", 0, fmt.Errorf("%s: %w", key, err)
		}
		above *= 1000
		base = strings.Replace(base, m[0], "", 1)
	}
	word, ok := litellmWords[base]
	if !ok {
		return "", "", 0, fmt.Errorf("%s: price files have no such price", key)
	}
	return word, tier, above, nil
}

// finish gives every step what the one before had, and refuses tiers whose long contexts aren't said.
func finish(tiers map[string]Tier, steps map[string]map[int64]map[string]string) error {
	for tier, t := range tiers {
		if tier != standard && t.Million["input"] == "" && tiers[standard].Million["input"] != "" && t.Million["output"] == "" {
			return fmt.Errorf("tier %s: prices, but none for input and output", tier)
		}
		if tier != standard && len(steps[standard]) > 0 && len(steps[tier]) == 0 {
			return fmt.Errorf("tier %s: its price of long contexts isn't said", tier)
		}
		last := map[string]string{}
		for _, start := range slices.Sorted(maps.Keys(steps[tier])) {
			maps.Copy(last, steps[tier][start])
			t.Above = append(t.Above, Step{start, maps.Clone(last)})
		}
		tiers[tier] = t
	}
	return nil
}
