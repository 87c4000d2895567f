package pricing

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sort"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/tollkeeper/tollkeeper/internal/textfile"
)

//go:embed catalogue/*.yaml
var catalogue embed.FS

// file is one price file: a provider's list, or overrides to be laid over it.
type file struct {
	Provider  string            `yaml:"provider"`
	Also      []string          `yaml:"also"`    // other provider names that are billed by this list
	Tenants   []string          `yaml:"tenants"` // negotiated for these only; empty = everybody
	Source    Source            `yaml:"source"`
	Defaults  map[string]string `yaml:"defaults"` // a bucket without a price of its own costs what another one does
	Names     names             `yaml:"names"`
	Models    []model           `yaml:"models"`
	Discounts []discount        `yaml:"discounts"`
	Reserved  []reserved        `yaml:"reserved"`

	name string
}

type names struct {
	Prefixes []string `yaml:"prefixes"`
	Suffixes []string `yaml:"suffixes"`
	Dates    []string `yaml:"dates"`
}

type model struct {
	Model   string   `yaml:"model"`
	Aliases []string `yaml:"aliases"`
	Dated   bool     `yaml:"dated"` // the name may carry one of the provider's date suffixes
	// Searches: it searches by itself, which is billed apart. A call that doesn't say how often is flagged as estimated.
	Searches bool     `yaml:"searches"`
	Source   Source   `yaml:"source"` // where it differs from the file's
	Prices   []period `yaml:"prices"`
}

// period is a model's price from a day (or moment) on, until another (exclusive). Empty = open.
type period struct {
	From    text   `yaml:"from"`
	To      text   `yaml:"to"`
	Hours   text   `yaml:"hours"`  // of every day, UTC: 01:00-04:00; stands above the period's other prices
	Source  Source `yaml:"source"` // where it differs from the model's
	Amounts `yaml:",inline"`
	Tiers   map[string]Amounts `yaml:"tiers"`
}

// Amounts are the prices of one tier.
type Amounts struct {
	Million map[string]text `yaml:"usd_per_million"`
	Unit    map[string]text `yaml:"usd_per_unit"`
	Above   []above         `yaml:"above"`
}

// above are the prices of the whole call when its input, cached tokens included, exceeds a number of tokens.
type above struct {
	InputTokens int64           `yaml:"input_tokens"`
	Million     map[string]text `yaml:"usd_per_million"`
}

// discount multiplies the published prices of some models ("*" = all of the provider).
type discount struct {
	Models []string `yaml:"models"`
	From   text     `yaml:"from"`
	To     text     `yaml:"to"`
	Factor text     `yaml:"factor"`
}

// reserved is a fixed amount for capacity, for the whole of its period.
type reserved struct {
	ID              string   `yaml:"id"`
	Models          []string `yaml:"models"`
	Tiers           []string `yaml:"tiers"`
	Regions         []string `yaml:"regions"`
	From            text     `yaml:"from"`
	To              text     `yaml:"to"`
	Amount          text     `yaml:"amount_usd"`
	TokensPerMinute int64    `yaml:"tokens_per_minute"`
}

// text is a scalar as it is written, so that no number passes through a float.
type text string

// UnmarshalYAML keeps the scalar's own characters.
func (t *text) UnmarshalYAML(n ast.Node) error {
	scalar, ok := n.(ast.ScalarNode)
	if !ok {
		return fmt.Errorf("line %d: want a number or a date", n.GetToken().Position.Line)
	}
	*t = text(scalar.GetToken().Value)
	return nil
}

// Builtin returns the book of the built-in catalogue.
func Builtin() (*Book, error) { return Load() }

// Load returns the built-in catalogue with the operator's files laid over it, in order. An override stands above a published
// price for the models and times it covers; one with tenants holds for these tenants alone. All faults are reported at once.
func Load(overrides ...string) (*Book, error) {
	b := newBuilder()
	if err := b.addCatalogue(); err != nil {
		return nil, err
	}
	for _, p := range overrides {
		content, err := textfile.Read(p)
		if err != nil {
			b.faults = append(b.faults, fmt.Errorf("price file %s: %w; check price_files", p, err))
			continue
		}
		b.add(p, content, true)
	}
	return b.book()
}

// addCatalogue adds the built-in price files.
func (b *builder) addCatalogue() error {
	paths, err := fs.Glob(catalogue, "catalogue/*.yaml")
	if err != nil {
		return fmt.Errorf("list the built-in catalogue: %w", err)
	}
	sort.Strings(paths)
	for _, p := range paths {
		content, err := catalogue.ReadFile(p)
		if err != nil {
			return fmt.Errorf("read the built-in catalogue: %w", err)
		}
		b.add(path.Base(p), content, false)
	}
	return nil
}

// Parse returns a book of the named contents alone, without the built-in catalogue; the first is the published list, the
// others are overrides.
func Parse(contents ...[]byte) (*Book, error) {
	b := newBuilder()
	for i, c := range contents {
		b.add(fmt.Sprintf("file %d", i+1), c, i > 0)
	}
	return b.book()
}

// builder collects price files and their faults.
type builder struct {
	files     []file
	overrides []file
	hash      [sha256.Size]byte
	faults    []error
}

func newBuilder() *builder { return &builder{} }

func (b *builder) add(name string, content []byte, override bool) {
	f := file{name: name}
	dec := yaml.NewDecoder(bytes.NewReader(content), yaml.Strict())
	if err := dec.Decode(&f); err != nil {
		b.faults = append(b.faults, fmt.Errorf("price file %s: %w", name, err))
		return
	}
	kind := byte('l')
	if override {
		kind = 'o'
	}
	// The version covers order and kind as well as content: the same files laid over in another order are another book.
	sum := sha256.New()
	sum.Write(b.hash[:])
	sum.Write([]byte{kind})
	sum.Write(content)
	sum.Sum(b.hash[:0])
	if override {
		b.overrides = append(b.overrides, f)
	} else {
		b.files = append(b.files, f)
	}
}

func (b *builder) book() (*Book, error) {
	book := &Book{
		version:   hex.EncodeToString(b.hash[:6]),
		series:    map[modelKey]*series{},
		providers: map[string]string{},
		naming:    map[string]naming{},
	}
	book.resolved.Store(&map[modelKey]*resolved{})
	for _, f := range append(append([]file{}, b.files...), b.overrides...) {
		if f.Provider == "" {
			b.faults = append(b.faults, fmt.Errorf("price file %s: provider is missing; name the provider the prices are of", f.name))
		}
	}
	if len(b.faults) > 0 {
		return nil, errors.Join(b.faults...)
	}
	for i := range b.files {
		b.build(book, &b.files[i], false)
	}
	for i := range b.overrides {
		b.build(book, &b.overrides[i], true)
	}
	if len(b.faults) > 0 {
		return nil, errors.Join(b.faults...)
	}
	return book, nil
}
