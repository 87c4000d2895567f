package pricing

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"sort"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/tollkeeper/tollkeeper/internal/textfile"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// Finding is one thing that is wrong with a price file, or, as a note, that may not be meant.
type Finding struct {
	File string `json:"file"`
	Text string `json:"text"`
	Note bool   `json:"note"` // the file is read all the same
}

// String writes "fault: file: text" or "note: file: text".
func (f Finding) String() string {
	kind := "fault"
	if f.Note {
		kind = "note"
	}
	return fmt.Sprintf("%s: %s: %s", kind, f.File, f.Text)
}

// Lint reads price files as Load does, laid over the built-in prices in order, and returns everything that is wrong with
// them: unlike Load it doesn't end at a file's first unknown key, and goes on with the next file after one that can't be
// read. Load accepts the files if no finding is a fault.
func Lint(paths ...string) ([]Finding, error) {
	b := newBuilder()
	if err := b.addCatalogue(); err != nil {
		return nil, err
	}
	book, err := b.book()
	if err != nil {
		return nil, fmt.Errorf("read the built-in catalogue: %w", err)
	}
	var out []Finding
	for _, p := range paths {
		content, err := textfile.Read(p)
		if err != nil {
			out = append(out, Finding{File: p, Text: fmt.Sprintf("%v; name a file that exists", errors.Unwrap(err))})
			continue
		}
		out = append(out, b.lint(book, p, content)...)
	}
	return out, nil
}

// plain is the error's text, which repeats lines of the content, unless that isn't text: it goes to a terminal.
func plain(err error, content []byte) string {
	control := func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\t\r\n", r) }
	if !utf8.Valid(content) || bytes.ContainsFunc(content, control) {
		return "not a text file (YAML in UTF-8)"
	}
	return err.Error()
}

// lint builds one file over the book and returns its findings, each once.
func (b *builder) lint(book *Book, name string, content []byte) []Finding {
	doc, err := parser.ParseBytes(content, 0)
	if err != nil {
		return []Finding{{File: name, Text: plain(err, content)}}
	}
	f := file{name: name}
	var out []Finding
	for _, d := range doc.Docs {
		for _, text := range unknownKeys(d.Body, reflect.TypeFor[file](), "") {
			out = append(out, Finding{File: name, Text: text})
		}
	}
	if len(doc.Docs) > 1 {
		out = append(out, Finding{File: name, Note: true, Text: fmt.Sprintf("%d documents: only the first is read", len(doc.Docs))})
	}
	if err := yaml.NewDecoder(bytes.NewReader(content)).Decode(&f); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("the file is empty")
		}
		return append(out, Finding{File: name, Text: plain(err, content)})
	}
	if f.Provider == "" {
		return append(out, Finding{File: name, Text: "provider is missing; name the provider the prices are of"})
	}
	notes := b.notes(book, &f)
	b.faults = nil
	b.build(book, &f, true)
	faults := b.faults
	if len(faults) == 0 && len(out) == 0 { // a price that can't be read isn't left out
		notes = append(notes, b.lost(book, &f)...)
	}
	seen := map[string]bool{}
	var texts []string
	for _, fault := range faults {
		text := strings.TrimPrefix(fault.Error(), "price file "+name+": ")
		if !seen[text] { // a period's fault shows in each of its tiers and tenants
			seen[text] = true
			texts = append(texts, text)
		}
	}
	sort.Strings(texts) // prices are kept in maps
	for _, text := range texts {
		out = append(out, Finding{File: name, Text: text})
	}
	return append(out, notes...)
}

// notes are what an operator may not have meant; book is the one beneath the file.
func (b *builder) notes(book *Book, f *file) []Finding {
	var out []Finding
	note := func(format string, args ...any) {
		out = append(out, Finding{File: f.name, Text: fmt.Sprintf(format, args...), Note: true})
	}
	if f.Source.URL == "" && f.Source.Via == "" {
		note("source: neither url nor via says where the prices come from")
	}
	if _, err := time.Parse(time.DateOnly, f.Source.Checked); err != nil {
		note("source.checked %q: not the day (2026-01-31) on which the source was read", f.Source.Checked)
	}
	if !book.Accepts(f.Provider) {
		note("provider %s is new to the book; its own are %s", f.Provider, strings.Join(book.Providers(), ", "))
	}
	for _, m := range f.Models {
		if m.Model == "" {
			continue
		}
		names := append([]string{m.Model}, m.Aliases...)
		known := false
		for _, n := range names {
			known = known || book.series[modelKey{book.providers[strings.ToLower(f.Provider)], strings.ToLower(n)}] != nil
		}
		if !known && book.Accepts(f.Provider) {
			text := fmt.Sprintf("%s/%s: a model new to the book", f.Provider, m.Model)
			if s := book.resolve(f.Provider, m.Model); s != nil {
				text += fmt.Sprintf("; calls by this name were priced as %s, and now only as this file says", s.model)
			}
			note("%s", text)
		}
		for _, p := range m.Prices {
			if len(p.Million) == 0 && len(p.Unit) == 0 {
				note("%s/%s: a period without standard prices: all of its standard calls are unpriced", f.Provider, m.Model)
			}
		}
	}
	return out
}

// lost are the prices that an override takes away: it stands in for the published entry whole, so that a call which uses what
// it doesn't name is unpriced. Asked after the file was built.
func (b *builder) lost(book *Book, f *file) []Finding {
	var out []Finding
	for _, m := range f.Models {
		s := book.resolve(f.Provider, m.Model)
		if s == nil || len(s.list) == 0 {
			continue
		}
		published := s.list[len(s.list)-1]
		for i := range m.Prices {
			e := b.entries(f, s.provider, &m, &m.Prices[i], true)[0]
			var gone []string
			for bucket := range ledger.NumBuckets {
				if b := ledger.Bucket(bucket); published.standard[0].table.Has(b) && !e.standard[0].table.Has(b) {
					gone = append(gone, b.String())
				}
			}
			for u := range ledger.NumUnits {
				if u := ledger.Unit(u); published.standard[0].table.HasUnit(u) && !e.standard[0].table.HasUnit(u) {
					gone = append(gone, u.String())
				}
			}
			var tiers []string
			for tier := range published.tiers {
				if e.tiers[tier] == nil {
					tiers = append(tiers, "tier "+tier)
				}
			}
			sort.Strings(tiers)
			if gone = append(gone, tiers...); len(gone) > 0 {
				out = append(out, Finding{File: f.name, Note: true, Text: fmt.Sprintf(
					"%s/%s: the price from %s has none for %s, which the published one has: calls that use it will be unpriced",
					f.Provider, m.Model, day(e.From), strings.Join(gone, ", "))})
			}
		}
	}
	return out
}

// unknownKeys lists every key that the type has no field for, with its line.
func unknownKeys(n ast.Node, t reflect.Type, path string) []string {
	var out []string
	switch {
	case t.Kind() == reflect.Slice:
		if seq, ok := n.(*ast.SequenceNode); ok {
			for i, item := range seq.Values {
				out = append(out, unknownKeys(item, t.Elem(), fmt.Sprintf("%s[%d]", path, i+1))...)
			}
		}
	case t.Kind() == reflect.Map:
		for _, kv := range pairs(n) {
			out = append(out, unknownKeys(kv.Value, t.Elem(), path+"."+kv.Key.String())...)
		}
	case t.Kind() == reflect.Struct:
		fields := yamlFields(t)
		for _, kv := range pairs(n) {
			key := strings.TrimPrefix(path+"."+kv.Key.String(), ".")
			if field, ok := fields[kv.Key.String()]; ok {
				out = append(out, unknownKeys(kv.Value, field, key)...)
				continue
			}
			out = append(out, fmt.Sprintf("line %d: unknown key %s: remove it, or use one of %s",
				kv.Key.GetToken().Position.Line, key, known(fields)))
		}
	}
	return out
}

func pairs(n ast.Node) []*ast.MappingValueNode {
	switch m := n.(type) {
	case *ast.MappingNode:
		return m.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{m}
	}
	return nil
}

// yamlFields are a struct's fields by key, those of inlined structs included.
func yamlFields(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		switch name, options, _ := strings.Cut(f.Tag.Get("yaml"), ","); {
		case options == "inline":
			for k, v := range yamlFields(f.Type) {
				fields[k] = v
			}
		case name != "":
			fields[name] = f.Type
		}
	}
	return fields
}
