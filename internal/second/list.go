package second

import (
	"bytes"
	_ "embed"
	"fmt"
	"sort"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/tollkeeper/tollkeeper/pricing"
)

//go:embed testdata/disagreements.yaml
var listed []byte

//go:embed testdata/litellm.json
var litellm []byte

//go:embed testdata/usages.tsv
var usages []byte

//go:embed testdata/providers.yaml
var providers []byte

// Group are disagreements that have one cause.
type Group struct {
	Against string   `yaml:"against"` // litellm or genai-prices, with the version
	Side    string   `yaml:"side"`    // ours or theirs: whose price the book has
	Why     string   `yaml:"why"`
	Source  string   `yaml:"source"` // what shows who is right
	Facts   []Listed `yaml:"facts"`
}

// Listed is one disagreement: a fact's key and both prices, or the key of usages whose totals differ.
type Listed struct {
	Fact   string `yaml:"fact"`
	Ours   string `yaml:"ours"`
	Theirs string `yaml:"theirs"`
}

// Row is one disagreement as it was found.
type Row struct {
	Against string `json:"against"`
	Fact    string `json:"fact"`
	Ours    string `json:"ours"`
	Theirs  string `json:"theirs"`
	Side    string `json:"side"` // empty = not listed
	Why     string `json:"why"`
	Source  string `json:"source"`
}

// Opinion is what both second opinions say.
type Opinion struct {
	Models   int // that LiteLLM's file and the book both have
	Facts    int // prices that both state
	Usages   int // that genai-prices and the book both priced
	Rows     []Row
	Unlisted int
	Gone     []string // listed, and no disagreement any more
}

const (
	againstFacts  = "litellm 1.110.2"
	againstTotals = "genai-prices 0.2.3"
)

// Compare asks both for their opinion of the book.
func Compare(book *pricing.Book) (*Opinion, error) {
	groups, of, err := lists()
	if err != nil {
		return nil, err
	}
	facts, err := Facts(book, litellm, of)
	if err != nil {
		return nil, err
	}
	totals, err := Totals(book, usages)
	if err != nil {
		return nil, err
	}
	o := &Opinion{Facts: len(facts)}
	models := map[string]bool{}
	for i := range facts {
		f := &facts[i]
		models[f.short()] = true
		if f.Differ() {
			o.Rows = append(o.Rows, Row{Against: againstFacts, Fact: f.Key(), Ours: f.Ours, Theirs: f.Theirs})
		}
	}
	o.Models = len(models)
	seen := map[string]bool{}
	for i := range totals {
		t := &totals[i]
		if !t.Compared() {
			continue
		}
		o.Usages++
		if key := t.Key(); !t.Equal() && !seen[key] {
			seen[key] = true
			o.Rows = append(o.Rows, Row{Against: againstTotals, Fact: key, Ours: t.Call.TotalCost().Short(), Theirs: t.Theirs.Short()})
		}
	}
	o.judge(groups)
	return o, nil
}

// judge finds every disagreement in the list.
func (o *Opinion) judge(groups []Group) {
	known := map[string]*Group{}
	prices := map[string]Listed{}
	for i := range groups {
		for _, l := range groups[i].Facts {
			known[groups[i].Against+" "+l.Fact] = &groups[i]
			prices[groups[i].Against+" "+l.Fact] = l
		}
	}
	for i := range o.Rows {
		r := &o.Rows[i]
		key := r.Against + " " + r.Fact
		g, l := known[key], prices[key]
		delete(known, key)
		// Of totals only the model and tier are listed: the usages are random.
		if g == nil || (l.Ours != "" && (l.Ours != r.Ours || l.Theirs != r.Theirs)) || (l.Ours == "" && r.Against == againstFacts) {
			o.Unlisted++
			continue
		}
		r.Side, r.Why, r.Source = g.Side, g.Why, g.Source
	}
	for key := range known {
		o.Gone = append(o.Gone, key)
	}
	sort.Strings(o.Gone)
}

// lists reads the list of disagreements and which of LiteLLM's providers is which of ours.
func lists() ([]Group, map[string]string, error) {
	var groups []Group
	if err := yaml.NewDecoder(bytes.NewReader(listed), yaml.Strict()).Decode(&groups); err != nil {
		return nil, nil, fmt.Errorf("disagreements.yaml: %w", err)
	}
	for i, g := range groups {
		if g.Why == "" || !strings.HasPrefix(g.Source, "https://") || (g.Side != "ours" && g.Side != "theirs") || (g.Against != againstFacts && g.Against != againstTotals) {
			return nil, nil, fmt.Errorf("disagreements.yaml: group %d: want against, side (ours or theirs), why and source", i+1)
		}
	}
	var of map[string]string
	if err := yaml.Unmarshal(providers, &of); err != nil {
		return nil, nil, fmt.Errorf("providers.yaml: %w", err)
	}
	return groups, of, nil
}
