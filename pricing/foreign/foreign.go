package foreign

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"regexp"
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tollkeeper/tollkeeper/internal/textfile"
)

// Formats that Read knows.
const (
	GenAIPrices = "genai-prices"
	LiteLLM     = "litellm"
)

// Left is something of the catalogue that the price files don't have.
type Left struct {
	Provider string `json:"provider"` // as the catalogue calls it
	Model    string `json:"model"`
	What     string `json:"what"` // the price or name concerned
	Reason   string `json:"reason"`
	Whole    bool   `json:"refused"` // the model isn't there at all
}

// Provider is one provider's prices.
type Provider struct {
	ID     string // as the catalogue calls it
	URL    string
	Models []Model
}

// Model is one model's prices.
type Model struct {
	Name    string
	Aliases []string
	URL     string // its own source
	Periods []Period
}

// Period are the prices from a day on, until the next one's of the same hours.
type Period struct {
	From, To string
	Hours    string // of every day, UTC; empty = all day
	Tiers    map[string]Tier
}

// Tier are the prices of one tier: USD per million tokens and per unit, under the words of a price file.
type Tier struct {
	Million map[string]string
	Unit    map[string]string
	Above   []Step
}

// Step are the prices of calls with more input tokens than this.
type Step struct {
	Input   int64
	Million map[string]string
}

// Read reads a catalogue of either format, told apart by their outermost brackets. Providers, models and what was left out are
// sorted by name.
func Read(r io.Reader) (format string, providers []Provider, left []Left, err error) {
	content, err := textfile.Take(r)
	if err != nil {
		return "", nil, nil, fmt.Errorf("read the catalogue: %w", err)
	}
	var l leaver
	switch trimmed := bytes.TrimSpace(content); {
	case bytes.HasPrefix(trimmed, []byte("[")):
		format = GenAIPrices
		providers, err = l.genai(trimmed)
	case bytes.HasPrefix(trimmed, []byte("{")):
		format = LiteLLM
		providers, err = l.litellm(trimmed)
	default:
		err = errors.New("neither genai-prices' JSON (a list) nor LiteLLM's (an object)")
	}
	if err != nil {
		return format, nil, nil, fmt.Errorf("read the catalogue: %w", err)
	}
	providers = slices.DeleteFunc(providers, func(p Provider) bool { return !named(p.ID) })
	for i := range providers {
		l.unique(&providers[i])
	}
	sort.Slice(providers, func(i, j int) bool { return providers[i].ID < providers[j].ID })
	sort.SliceStable(l.left, func(i, j int) bool {
		a, b := l.left[i], l.left[j]
		return a.Provider < b.Provider || (a.Provider == b.Provider && a.Model < b.Model)
	})
	return format, providers, l.left, nil
}

// leaver notes what is left out.
type leaver struct {
	left []Left
	said map[Left]bool
}

func (l *leaver) leave(provider, model, what, reason string, whole bool) {
	this := Left{provider, model, what, reason, whole}
	if l.said == nil {
		l.said = map[Left]bool{}
	}
	if !l.said[this] { // once, however many periods of prices a model has
		l.said[this] = true
		l.left = append(l.left, this)
	}
}

// named reports whether a text can be a name: something to be seen, on one line.
func named(s string) bool {
	return s != "" && strings.TrimSpace(s) == s && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// unique sorts the models and gives every name to one of them; letter case doesn't tell models apart.
func (l *leaver) unique(p *Provider) {
	sort.Slice(p.Models, func(i, j int) bool { return p.Models[i].Name < p.Models[j].Name })
	owner := map[string]string{}
	kept := p.Models[:0]
	for _, m := range p.Models {
		if !named(m.Name) {
			l.leave(p.ID, m.Name, "name", "no name that could be written", true)
			continue
		}
		if first, ok := owner[strings.ToLower(m.Name)]; ok {
			l.leave(p.ID, m.Name, "name", "the same as "+first, true)
			continue
		}
		owner[strings.ToLower(m.Name)] = m.Name
		kept = append(kept, m)
	}
	p.Models = kept
	for i := range p.Models {
		m := &p.Models[i]
		slices.Sort(m.Aliases)
		aliases := m.Aliases[:0]
		for _, a := range m.Aliases {
			switch have, ok := owner[strings.ToLower(a)]; {
			case !named(a):
				l.leave(p.ID, m.Name, "alias", "no name that could be written", false)
			case !ok:
				owner[strings.ToLower(a)] = m.Name
				aliases = append(aliases, a)
			case have != m.Name:
				l.leave(p.ID, m.Name, "alias "+a, "stands for "+have, false)
			}
		}
		m.Aliases = aliases
	}
}

// decode reads JSON with its numbers as they are written.
func decode(content []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(content))
	dec.UseNumber()
	return dec.Decode(into)
}

// priced are numbers of a size that a price can have.
var priced = regexp.MustCompile(`^\d{1,20}(\.\d{1,40})?([eE][+-]?\d{1,2})?$`)

// number is a JSON number, or a text of one, as a fraction. Negative ones and what isn't a number are refused.
func number(v any) (*big.Rat, error) {
	var s string
	switch n := v.(type) {
	case json.Number:
		s = n.String()
	case string:
		s = n
	}
	if !priced.MatchString(s) {
		return nil, fmt.Errorf("%.40q is no price", fmt.Sprint(v))
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return nil, fmt.Errorf("%.40q is no price", s)
	}
	return r, nil
}

// maxDigits is more than a published price has: one with more went through a float and lost its last digits.
const maxDigits = 14

// decimal writes a fraction as a plain decimal, if it is one.
func decimal(r *big.Rat) (string, error) {
	places, exact := r.FloatPrec()
	text := r.FloatString(places)
	if whole, _, _ := strings.Cut(text, "."); len(whole) > 9 || places > 18 {
		return "", fmt.Errorf("%s is no price: too large or too small", r.FloatString(20))
	}
	if !exact || len(strings.Trim(strings.Replace(text, ".", "", 1), "0")) > maxDigits {
		return "", fmt.Errorf("%s is no exact price: its digits were lost in a float or a division", r.FloatString(20))
	}
	return text, nil
}

// scaled is a JSON number × by ÷ per, as a plain decimal.
func scaled(v any, by, per int64) (string, error) {
	r, err := number(v)
	if err != nil {
		return "", err
	}
	return decimal(r.Mul(r, big.NewRat(by, per)))
}

// free reports whether nothing has a price above zero: whether that means free or unknown, the catalogues don't say.
func (m *Model) free() bool {
	for _, p := range m.Periods {
		for _, t := range p.Tiers {
			for _, prices := range []map[string]string{t.Million, t.Unit} {
				for _, price := range prices {
					if price != "0" {
						return false
					}
				}
			}
		}
	}
	return true
}
