package second

import (
	"bytes"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
	"github.com/tollkeeper/tollkeeper/pricing/foreign"
)

// At is the moment whose prices are compared: LiteLLM's file has no history.
var At = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// Fact is one price that both sides state.
type Fact struct {
	Provider, Model string // ours
	Name            string // LiteLLM's name of the model
	Tier            string
	Above           int64  // for calls with more input tokens than this
	What            string // the bucket or unit, by the ledger's name
	Ours, Theirs    string // USD per million tokens or per unit
}

// Key names a fact in the list of disagreements.
func (f *Fact) Key() string {
	k := f.Provider + " " + f.Name + " " + f.Tier
	if f.Above > 0 {
		k += fmt.Sprintf(">%d", f.Above)
	}
	return k + " " + f.What
}

// buckets are the ledger's names for a price file's words.
var buckets = map[string]ledger.Bucket{
	"input": ledger.FreshInput, "output": ledger.TextOutput, "reasoning": ledger.Reasoning, "cache_read": ledger.CacheRead,
	"cache_write": ledger.CacheWrite5m, "cache_write_1h": ledger.CacheWrite1h, "audio_input": ledger.AudioInput,
	"audio_output": ledger.AudioOutput, "image_input": ledger.ImageInput,
}

var units = map[string]ledger.Unit{
	"request": ledger.UnitRequest, "image": ledger.UnitImage, "page": ledger.UnitPage, "search": ledger.UnitSearch,
}

// Facts are all prices that LiteLLM's file and the book both state, where the names of providers and models are the same by the
// book's rules. of says which of LiteLLM's providers is which of ours.
func Facts(book *pricing.Book, litellm []byte, of map[string]string) ([]Fact, error) {
	format, providers, _, err := foreign.Read(bytes.NewReader(litellm))
	if err != nil {
		return nil, err
	}
	if format != foreign.LiteLLM {
		return nil, fmt.Errorf("%s is not LiteLLM's format", format)
	}
	var out []Fact
	for _, p := range providers {
		ours, ok := of[p.ID]
		if !ok {
			continue
		}
		for i := range p.Models {
			names := book.Resolve(ours, p.Models[i].Name)
			if len(names) != 1 {
				continue
			}
			e, ok := book.Lookup(names[0].Provider, names[0].Model, At)
			if ok {
				out = append(out, compare(e, ours, &p.Models[i])...)
			}
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Key() < out[j].Key() })
	// Two of LiteLLM's providers (bedrock, bedrock_converse) can have one model: what they say alike is one fact.
	return slices.CompactFunc(out, func(a, b Fact) bool { return a == b }), nil
}

// compare looks at every length at which either side's prices change.
func compare(e *pricing.Entry, provider string, m *foreign.Model) []Fact {
	var out []Fact
	for tier, theirs := range m.Periods[0].Tiers {
		lengths := append([]int64{0}, e.Lengths(tier)...)
		for _, s := range theirs.Above {
			lengths = append(lengths, s.Input)
		}
		slices.Sort(lengths)
		for _, above := range slices.Compact(lengths) {
			t := e.Table(tier, above+1)
			if t == nil {
				continue // we have no such tier, and say so to a call that asks for it
			}
			add := func(what, ours, price string) {
				out = append(out, Fact{Provider: provider, Model: e.Model, Name: m.Name, Tier: tier, Above: above, What: what, Ours: ours, Theirs: price})
			}
			million, unit := t.Prices()
			for word, b := range buckets {
				price, ok := theirs.Million[word], theirs.Million[word] != ""
				for _, s := range theirs.Above {
					if p, has := s.Million[word]; has && above >= s.Input {
						price, ok = p, true
					}
				}
				if ok && t.Has(b) {
					add(b.String(), million[b.String()], price)
				}
			}
			for word, u := range units {
				if price, ok := theirs.Unit[word]; ok && t.HasUnit(u) && above == 0 {
					add(u.String(), unit[u.String()], price)
				}
			}
		}
	}
	return out
}

// Differ reports whether the two sides state different prices.
func (f *Fact) Differ() bool {
	a, err := pricing.ParsePrice(f.Ours)
	b, err2 := pricing.ParsePrice(f.Theirs)
	return err != nil || err2 != nil || a != b
}

// short is a fact's model as people read it.
func (f *Fact) short() string { return strings.TrimSpace(f.Provider + "/" + f.Model) }
