package eventspans

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

//go:embed events.yaml
var builtin []byte

// rule says which events tell of a call, and how (events.yaml).
type rule struct {
	ID       string                                  `yaml:"id"`
	Scopes   []string                                `yaml:"scopes"`
	Event    string                                  `yaml:"event"`
	Where    map[string]string                       `yaml:"where"`
	Isnt     map[string]string                       `yaml:"isnt"`
	Has      []string                                `yaml:"has"`
	Set      map[string]any                          `yaml:"set"`
	Keys     map[string][]string                     `yaml:"keys"`
	Values   map[string]map[string]map[string]string `yaml:"values"`
	Duration string                                  `yaml:"duration"`
	Trace    []string                                `yaml:"trace"`
	Failed   bool                                    `yaml:"failed"`
	Source   string                                  `yaml:"source"`

	used map[string]bool // attributes of the event that are told under another name
	sets []string        // the keys of Set, sorted: equal events make equal spans
	to   []string        // the keys of Keys, likewise
	said []string        // the keys of Values, likewise
}

// Rules is the compiled table. It is read-only and safe for concurrent use.
type Rules struct {
	rules   []rule
	content map[string]bool
}

// Builtin compiles the rules that come with the program.
func Builtin() (*Rules, error) { return parse(builtin) }

// parse compiles a rule file; all its faults are reported at once.
func parse(text []byte) (*Rules, error) {
	var f struct {
		Content []string `yaml:"content"`
		Events  []rule   `yaml:"events"`
	}
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&f); err != nil {
		return nil, fmt.Errorf("event rules: %w", err)
	}
	r := &Rules{rules: f.Events, content: map[string]bool{}}
	for _, key := range f.Content {
		r.content[key] = true
	}
	var faults []error
	seen := map[string]bool{}
	for i := range r.rules {
		rl := &r.rules[i]
		if rl.ID == "" || seen[rl.ID] {
			faults = append(faults, fmt.Errorf("event rule %q: every rule needs an id of its own", rl.ID))
		}
		seen[rl.ID] = true
		if len(rl.Scopes) == 0 || rl.Event == "" || rl.Source == "" || len(rl.Keys) == 0 {
			faults = append(faults, fmt.Errorf("event rule %s: scopes, event, keys and source must be there", rl.ID))
		}
		for key, value := range rl.Set {
			switch value.(type) {
			case string, bool:
			default:
				faults = append(faults, fmt.Errorf("event rule %s: set: %s: %v is neither text nor boolean", rl.ID, key, value))
			}
		}
		rl.sets, rl.to, rl.said = slices.Sorted(maps.Keys(rl.Set)), slices.Sorted(maps.Keys(rl.Keys)), slices.Sorted(maps.Keys(rl.Values))
		for key, values := range rl.Values {
			for value, sets := range values {
				if len(sets) != 1 {
					faults = append(faults, fmt.Errorf("event rule %s: values: %s: %s: makes %d attributes; want one", rl.ID, key, value, len(sets)))
				}
			}
		}
		rl.used = map[string]bool{rl.Duration: true}
		for _, from := range rl.Keys {
			for _, key := range from {
				for part := range strings.SplitSeq(key, " + ") {
					rl.used[part] = true
				}
			}
		}
	}
	return r, errors.Join(faults...)
}

// ofScope are the rules that can hold for events of a scope; of most scopes there are none.
func (r *Rules) ofScope(name string) (some []*rule) {
	for i := range r.rules {
		rl := &r.rules[i]
		for _, s := range rl.Scopes {
			if prefix, open := strings.CutSuffix(s, "*"); s == name || open && strings.HasPrefix(name, prefix) {
				some = append(some, rl)
				break
			}
		}
	}
	return some
}

// matching is the first rule that holds for the record, nil if none does.
func matching(rules []*rule, record plog.LogRecord) *rule {
	event := record.EventName()
	if v, ok := record.Attributes().Get("event.name"); ok {
		event = v.AsString()
	}
	for _, rl := range rules {
		if rl.Event == event && rl.holds(record.Attributes()) {
			return rl
		}
	}
	return nil
}

func (rl *rule) holds(attrs pcommon.Map) bool {
	for _, key := range rl.Has {
		if _, ok := attrs.Get(key); !ok {
			return false
		}
	}
	for key, want := range rl.Where {
		if v, ok := attrs.Get(key); !ok || v.AsString() != want {
			return false
		}
	}
	for key, unwanted := range rl.Isnt {
		if v, ok := attrs.Get(key); ok && v.AsString() == unwanted {
			return false
		}
	}
	return true
}
