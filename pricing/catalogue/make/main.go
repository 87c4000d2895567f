// Command make-catalogue writes the generated files of pricing/catalogue from the facts of public catalogues.
//
//	make-catalogue FACTS
//
// FACTS is the folder that pricing/catalogue/make/facts filled. It is run in the tree's root (make catalogue).
package main

import (
	"bytes"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/tollkeeper/tollkeeper/pricing/foreign"
)

const (
	folder = "pricing/catalogue"
	header = "Written by make catalogue from %s.\nDon't edit: change pricing/catalogue/make/rules.yaml, or lay a price file over it.\n"
)

// rules are rules.yaml.
type rules struct {
	Catalogues map[string]struct {
		Via     string `yaml:"via"`
		Checked string `yaml:"checked"`
	} `yaml:"catalogues"`
	Defaults  map[string]string `yaml:"defaults"`
	Providers []provider        `yaml:"providers"`
	ByHand    map[string]string `yaml:"byhand"` // our provider: genai-prices' name of it
}

// provider is one file: from which catalogue, and the provider's name there and here.
type provider struct {
	File     string            `yaml:"file"`
	From     string            `yaml:"from"`
	ID       string            `yaml:"id"`
	Provider string            `yaml:"provider"`
	Also     []string          `yaml:"also"`
	Prefixes []string          `yaml:"prefixes"`
	URL      string            `yaml:"url"`      // where the catalogue has none
	Only     []string          `yaml:"only"`     // these models; empty = all
	Searches []string          `yaml:"searches"` // models that search by themselves, which is billed apart
	Refuse   map[string]string `yaml:"refuse"`   // models with a price of this unit: why
	Without  map[string]string `yaml:"without"`  // models or aliases that are left out: why
	Defaults map[string]string `yaml:"defaults"` // instead of everybody's
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: make-catalogue FACTS (run make catalogue)")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "make-catalogue:", err)
		os.Exit(1)
	}
}

func run(facts string) error {
	content, err := os.ReadFile(filepath.Join(folder, "make", "rules.yaml"))
	if err != nil {
		return err
	}
	var r rules
	if err := yaml.NewDecoder(bytes.NewReader(content), yaml.Strict()).Decode(&r); err != nil {
		return fmt.Errorf("rules.yaml: %w", err)
	}
	catalogues := map[string][]foreign.Provider{}
	left := map[string][]foreign.Left{}
	for _, name := range []string{foreign.GenAIPrices, foreign.LiteLLM} {
		f, err := os.Open(filepath.Join(facts, name+".json"))
		if err != nil {
			return err
		}
		format, providers, l, err := foreign.Read(f)
		f.Close()
		if err != nil {
			return err
		}
		if format != name {
			return fmt.Errorf("%s.json is of format %s", name, format)
		}
		catalogues[name], left[name] = providers, l
	}
	var out bytes.Buffer
	out.WriteString("# What make catalogue left out of the files it wrote: provider, model, what, why. \"refused\": the model isn't there at all.\n")
	models := 0
	for i := range r.Providers {
		n, err := r.write(&r.Providers[i], catalogues, left, &out)
		if err != nil {
			return fmt.Errorf("%s: %w", r.Providers[i].File, err)
		}
		models += n
	}
	if err := r.opinions(facts); err != nil {
		return err
	}
	fmt.Printf("%d models of %d providers written to %s\n", models, len(r.Providers), folder)
	return os.WriteFile(filepath.Join(folder, "left-out.tsv"), out.Bytes(), 0o644)
}

// opinions names the providers whose usages genai-prices is asked about: its name, and ours.
func (r *rules) opinions(facts string) error {
	var lines []string
	for ours, theirs := range r.ByHand {
		lines = append(lines, theirs+"\t"+ours+"\n")
	}
	for _, p := range r.Providers {
		if p.From == foreign.GenAIPrices && r.ByHand[p.Provider] == "" {
			lines = append(lines, p.ID+"\t"+p.Provider+"\n")
		}
	}
	slices.Sort(lines)
	return os.WriteFile(filepath.Join(facts, "providers.tsv"), []byte(strings.Join(lines, "")), 0o644)
}

// write writes one provider's file, and what isn't in it.
func (r *rules) write(p *provider, catalogues map[string][]foreign.Provider, left map[string][]foreign.Left, out *bytes.Buffer) (int, error) {
	i := slices.IndexFunc(catalogues[p.From], func(c foreign.Provider) bool { return c.ID == p.ID })
	if i < 0 {
		return 0, fmt.Errorf("%s has no provider %s", p.From, p.ID)
	}
	from := catalogues[p.From][i]
	leave := func(l foreign.Left) {
		kind := "left out"
		if l.Whole {
			kind = "refused"
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s: %s\n", p.Provider, l.Model, l.What, kind, l.Reason)
	}
	for _, l := range left[p.From] {
		if l.Provider == p.ID && p.wants(l.Model) {
			leave(l)
		}
	}
	for name := range p.named() {
		if !slices.ContainsFunc(from.Models, func(m foreign.Model) bool { return m.Name == name || slices.Contains(m.Aliases, name) }) {
			return 0, fmt.Errorf("without, searches: %s has no model %s", p.From, name)
		}
	}
	var models []foreign.Model
	for _, m := range from.Models {
		if !p.wants(m.Name) {
			continue
		}
		if why, what := p.refuses(&m); why != "" {
			leave(foreign.Left{Model: m.Name, What: what, Reason: why, Whole: true})
			continue
		}
		m.Aliases = slices.DeleteFunc(m.Aliases, func(alias string) bool {
			why, gone := p.Without[alias]
			if gone {
				leave(foreign.Left{Model: m.Name, What: "alias " + alias, Reason: why})
			}
			return gone
		})
		if !strings.HasPrefix(m.URL, "https://") {
			m.URL = ""
		}
		models = append(models, m)
	}
	url := from.URL
	if url == "" {
		url = p.URL
	}
	source := r.Catalogues[p.From]
	f := foreign.File{
		Comment: fmt.Sprintf(header, source.Via), Provider: p.Provider, Also: p.Also, URL: url, Via: source.Via, Checked: source.Checked,
		Prefixes: p.Prefixes, Defaults: r.Defaults, Searches: p.Searches,
	}
	if p.Defaults != nil {
		f.Defaults = p.Defaults
	}
	path := filepath.Join(folder, p.File+".yaml")
	if have, err := os.ReadFile(path); err == nil && !bytes.HasPrefix(have, []byte("# Written by make catalogue")) {
		return 0, fmt.Errorf("%s was written by hand", path)
	}
	return len(models), os.WriteFile(path, f.Write(models), 0o644)
}

// named are the models that the rules name one by one.
func (p *provider) named() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, name := range append(slices.Collect(maps.Keys(p.Without)), p.Searches...) {
			if !yield(name) {
				return
			}
		}
	}
}

func (p *provider) wants(model string) bool {
	return len(p.Only) == 0 || slices.Contains(p.Only, model)
}

// refuses says why a model is left out by the rules, and for which of its units.
func (p *provider) refuses(m *foreign.Model) (why, unit string) {
	if why := p.Without[m.Name]; why != "" {
		return why, "prices"
	}
	for _, period := range m.Periods {
		for _, t := range period.Tiers {
			for u := range t.Unit {
				if p.Refuse[u] != "" {
					return p.Refuse[u], u
				}
			}
		}
	}
	return "", ""
}
