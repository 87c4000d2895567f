package reconcile

import (
	_ "embed"
	"fmt"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
)

// Kind is where a part of the difference comes from.
type Kind string

// The kinds. Those of kinds.yaml, and lines of a bill for usage.
const (
	usageLine       Kind = "usage"
	NotInstrumented Kind = "not_instrumented"
	NotInvoiced     Kind = "not_invoiced"
	Price           Kind = "price"
	Timing          Kind = "timing"
	Credit          Kind = "credit"
	Commitment      Kind = "commitment"
	Tax             Kind = "tax"
	Rounding        Kind = "rounding"
	Unexplained     Kind = "unexplained"
)

//go:embed kinds.yaml
var kindsText []byte

// KindText is what people are told of a kind.
type KindText struct {
	Kind  Kind     `yaml:"kind"`
	Title string   `yaml:"title"`
	Says  string   `yaml:"says"`
	Todo  string   `yaml:"todo"`
	Words []string `yaml:"words"`

	words *regexp.Regexp
}

// Kinds lists all kinds in the order of the report.
func Kinds() []KindText {
	var all []KindText
	if err := yaml.UnmarshalWithOptions(kindsText, &all, yaml.Strict()); err != nil {
		panic(fmt.Sprintf("reconcile: kinds.yaml: %v", err)) // it is in the binary, and a test reads it
	}
	for i := range all {
		if len(all[i].Words) > 0 {
			var quoted []string
			for _, w := range all[i].Words {
				quoted = append(quoted, regexp.QuoteMeta(w))
			}
			all[i].words = regexp.MustCompile(`(?i)(^|[^a-z0-9])(` + strings.Join(quoted, "|") + `)($|[^a-z0-9])`)
		}
	}
	return all
}

// kindNamed reads the column kind of the plain CSV.
func kindNamed(name string) (Kind, error) {
	switch k := Kind(strings.ToLower(name)); k {
	case "", usageLine, Credit, Commitment, Tax:
		return k, nil
	}
	return "", fmt.Errorf("kind %q: use usage, credit, commitment or tax, or leave it empty", clip(name))
}
