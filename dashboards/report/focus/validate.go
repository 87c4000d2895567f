package focus

import (
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

//go:embed rules.yaml
var rulesText []byte

// Rule is one requirement of the specification.
type Rule struct {
	Section string              `yaml:"section"` // of the specification
	Column  string              `yaml:"column"`
	Check   string              `yaml:"check"`
	Type    string              `yaml:"type"`
	Other   string              `yaml:"other"`
	Values  []string            `yaml:"values"`
	When    map[string][]string `yaml:"when"`
	Unless  map[string][]string `yaml:"unless"`
	Should  bool                `yaml:"should"`
	Note    string              `yaml:"note"`
}

// Rules are all requirements that a file is checked for.
func Rules() ([]Rule, error) {
	var rules []Rule
	if err := yaml.UnmarshalWithOptions(rulesText, &rules, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("read the rules of FOCUS: %w", err)
	}
	for _, r := range rules {
		if r.Section == "" || (checks[r.Check] == nil && rowChecks[r.Check] == nil) {
			return nil, fmt.Errorf("rule %+v: want a section and a check that is known", r)
		}
	}
	return rules, nil
}

// Problem is a rule that a file breaks.
type Problem struct {
	Rule  Rule
	Count int    // rows
	Line  int    // of the first; 1 is the header
	Value string // of the first
}

func (p Problem) String() string {
	level, value := "MUST", ""
	if p.Rule.Should {
		level = "SHOULD"
	}
	if p.Line > 1 {
		value = fmt.Sprintf(", line %d: %q", p.Line, p.Value)
	} else if p.Value != "" {
		value = fmt.Sprintf(": %q", p.Value)
	}
	more := ""
	if p.Count > 1 {
		more = fmt.Sprintf(" (and %d more)", p.Count-1)
	}
	return fmt.Sprintf("%s  FOCUS %s, %s: %s%s%s", level, Version, p.Rule.Section, p.Rule.text(), value, more)
}

// text says the requirement in words.
func (r Rule) text() string {
	text := map[string]string{
		"present": "has to be a column of the file", "not_null": "must not be null", "null_is": "must be null", "type": "has to be a " + r.Type,
		"allowed": "has to be one of " + strings.Join(r.Values, ", "), "equals": "has to equal " + r.Other, "before": "has to be before " + r.Other,
		"product": "has to be PricingQuantity × " + r.Other, "one_to_one": "has more than one " + r.Other, "non_negative": "must not be negative",
		"placeholder": "must not stand for null by a word",
		"known":       "is no column of the specification", "custom_last": "is in the wrong place",
	}[r.Check]
	if r.Column != "" {
		text = r.Column + " " + text
	}
	for _, c := range []struct {
		word string
		in   map[string][]string
	}{{" when ", r.When}, {" unless ", r.Unless}} {
		for _, column := range sortedKeys(c.in) {
			text += c.word + column + " is " + strings.ReplaceAll("«"+strings.Join(c.in[column], "» or «")+"»", "«»", "null")
		}
	}
	if r.Note != "" {
		text += " (" + r.Note + ")"
	}
	return text
}

// Result is what a check found.
type Result struct {
	Rows, Rules int
	Problems    []Problem
}

// Valid says whether no MUST is broken.
func (r Result) Valid() bool {
	return !slices.ContainsFunc(r.Problems, func(p Problem) bool { return !p.Rule.Should })
}

// Validate checks a CSV file with a header row against every rule. A file that is no CSV is an error.
func Validate(in io.Reader) (Result, error) {
	rules, err := Rules()
	if err != nil {
		return Result{}, err
	}
	r := csv.NewReader(in)
	r.ReuseRecord = true
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return Result{}, errors.New("the file is empty: want a CSV with a header row")
	}
	if err != nil {
		return Result{}, fmt.Errorf("read the header: %w", err)
	}
	v := newValidator(slices.Clone(header), rules)
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			return v.result(), nil
		}
		if err != nil {
			return Result{}, fmt.Errorf("read row %d: %w", v.rows+1, err)
		}
		v.row(fields)
	}
}

type validator struct {
	at     map[string]int // column → place
	rules  []Rule
	found  []Problem // one per rule, Count 0 if it holds
	seen   []map[string]string
	rows   int
	fields []string
}

func newValidator(header []string, rules []Rule) *validator {
	v := &validator{at: map[string]int{}, rules: rules, found: make([]Problem, len(rules)), seen: make([]map[string]string, len(rules))}
	if len(header) > 0 {
		header[0] = strings.TrimPrefix(header[0], "\ufeff")
	}
	for i, name := range header {
		v.at[name] = i
	}
	for i, rule := range rules {
		v.seen[i] = map[string]string{}
		if check := checks[rule.Check]; check != nil {
			for _, bad := range check(rule, header) {
				v.note(i, 1, bad)
			}
		}
	}
	return v
}

func (v *validator) note(rule, line int, value string) {
	p := &v.found[rule]
	if p.Count == 0 {
		p.Rule, p.Line, p.Value = v.rules[rule], line, value
	}
	p.Count++
}

// value is a column's field; a column that isn't there is null.
func (v *validator) value(column string) string {
	if i, ok := v.at[column]; ok {
		return v.fields[i]
	}
	return ""
}

func (v *validator) row(fields []string) {
	v.rows++
	v.fields = fields
	for i := range v.rules {
		rule := &v.rules[i]
		check := rowChecks[rule.Check]
		if check == nil {
			continue
		}
		if _, there := v.at[rule.Column]; !there || !v.applies(rule) {
			continue // a column that may be missing has no values to be wrong
		}
		if value := v.value(rule.Column); !check(v, i, rule, value) {
			v.note(i, v.rows+1, value)
		}
	}
}

func (v *validator) applies(r *Rule) bool {
	for column, values := range r.When {
		if !slices.Contains(values, v.value(column)) {
			return false
		}
	}
	for column, values := range r.Unless {
		if slices.Contains(values, v.value(column)) {
			return false
		}
	}
	return true
}

func (v *validator) result() Result {
	out := Result{Rows: v.rows, Rules: len(v.rules)}
	for _, p := range v.found {
		if p.Count > 0 {
			out.Problems = append(out.Problems, p)
		}
	}
	return out
}

func sortedKeys(m map[string][]string) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
