package genai

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/goccy/go-yaml"

	"github.com/tollkeeper/tollkeeper/ledger"
)

//go:embed rules.yaml
var builtinRules []byte

// placement says where a part of a count is.
type placement uint8

const (
	inside  placement = iota // a part of the whole
	outside                  // beside it
	auto                     // outside if the counts prove it
	lost                     // not reported: total − input − output
	guessed                  // the emitter's own guess: not used
)

// Layer says how far from the provider a span was written.
type Layer uint8

// The layers: a client of the provider, a library above such a client, a proxy between client and provider.
const (
	LayerSDK Layer = iota
	LayerFramework
	LayerGateway
)

// rule says how one emitter's numbers are to be read.
type rule struct {
	id                    string
	scopes                []string
	versions              versionRange
	providers             []string
	has, hasnt            keySet
	provider              string
	cacheRead, cacheWrite placement
	reasoning             placement
	totalCounted          bool
	layer                 Layer
	rank                  uint8
	uniqueIDs             bool
	blind                 ledger.Flags // what the emitter leaves out, if a span doesn't tell it
	answer                bool
	streamEstimated       bool
	guessed               bool
	last                  bool // of several calls, the last one's counts alone may be there
	repeats               bool // its parent tells the same, if that is a call
	tiersSwapped          bool
	modelsCut             bool
	idsInAnswer           bool
	operations            []string
	spans                 []string
	aggregate             bool
	none                  bool // its spans are no calls: the emitter tells them elsewhere
}

// keySet is a set of keys.
type keySet [4]uint64

func (s *keySet) add(k key) { s[k>>6] |= 1 << (k & 63) }
func (s *keySet) covers(o *keySet) bool {
	return s[0]&o[0] == o[0] && s[1]&o[1] == o[1] && s[2]&o[2] == o[2] && s[3]&o[3] == o[3]
}
func (s *keySet) touches(o *keySet) bool { return s[0]&o[0]|s[1]&o[1]|s[2]&o[2]|s[3]&o[3] != 0 }

// kind is what a span is.
type kind uint8

const (
	kindUnknown kind = iota
	kindLeaf
	kindAggregate
	kindOther
)

// meaning is what a value of a marker says: what the span is, and of a leaf the operation under which it is stored.
type meaning struct {
	kind      kind
	operation string
}

// Rules is the compiled table. It is read-only and safe for concurrent use.
type Rules struct {
	version     string
	rules       []rule
	byID        map[string]int
	kinds       [numFields]map[string]meaning // of the markers
	providers   map[string]string
	hosts       hostNames
	vendors     map[string]string // of Bedrock's models, by how the models' names begin
	vendorNames map[string]bool
}

type ruleFile struct {
	Rules      []fileRule                     `yaml:"rules"`
	Kinds      map[string]map[string][]string `yaml:"kinds"`
	Operations map[string][]string            `yaml:"operations"`
	Providers  map[string][]string            `yaml:"providers"`
	Hosts      []string                       `yaml:"hosts"`
	Vendors    map[string][]string            `yaml:"vendors"`
}

// fileRule is a rule as the file says it.
type fileRule struct {
	ID          string   `yaml:"id"`
	Scopes      []string `yaml:"scopes"`
	Versions    string   `yaml:"versions"`
	Unversioned *bool    `yaml:"unversioned"`
	Providers   []string `yaml:"providers"`
	Has         []string `yaml:"has"`
	Hasnt       []string `yaml:"hasnt"`
	Provider    string   `yaml:"provider"`
	CacheRead   string   `yaml:"cache_read"`
	CacheWrite  string   `yaml:"cache_write"`
	Reasoning   string   `yaml:"reasoning"`
	Total       string   `yaml:"total"`
	Layer       string   `yaml:"layer"`
	Rank        uint8    `yaml:"rank"`
	UniqueIDs   bool     `yaml:"unique_ids"`
	Operations  []string `yaml:"operations"`
	Spans       []string `yaml:"spans"`
	Role        string   `yaml:"role"`
	Blind       []string `yaml:"blind"`
	Answer      bool     `yaml:"answer"`
	Counts      string   `yaml:"counts"`
	Streams     string   `yaml:"streams"`
	Repeats     string   `yaml:"repeats"`
	Tiers       string   `yaml:"tiers"`
	Models      string   `yaml:"models"`
	IDs         string   `yaml:"ids"`
	Source      string   `yaml:"source"`
}

// BuiltinRules compiles the rules that come with the program.
func BuiltinRules() (*Rules, error) { return ParseRules(builtinRules) }

// Version is a short hash of the rules' content.
func (r *Rules) Version() string { return r.version }

// ParseRules compiles a rule file; all its faults are reported at once.
func ParseRules(content []byte) (*Rules, error) {
	var f ruleFile
	if err := yaml.NewDecoder(bytes.NewReader(content), yaml.Strict()).Decode(&f); err != nil {
		return nil, fmt.Errorf("emitter rules: %w", err)
	}
	r := &Rules{version: fmt.Sprintf("%016x", xxhash.Sum64(content)), byID: map[string]int{}, providers: map[string]string{}, hosts: newHostNames(f.Hosts), vendors: map[string]string{}, vendorNames: map[string]bool{}}
	faults := []error{r.compileRules(&f), r.compileKinds(&f)}
	for vendor, families := range f.Vendors {
		r.vendorNames[vendor] = true
		for _, family := range families {
			r.vendors[family] = vendor
		}
	}
	for name, others := range f.Providers {
		r.providers[name] = name
		for _, o := range others {
			if have, ok := r.providers[o]; ok && have != name {
				faults = append(faults, fmt.Errorf("emitter rules: provider name %q stands for %s and %s", o, have, name))
			}
			r.providers[o] = name
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *Rules) compileRules(f *ruleFile) error {
	c := ruleCompiler{keys: map[string]key{}, seen: map[string]bool{}}
	for i, k := range keys {
		c.keys[k.name] = key(i)
	}
	for i := range f.Rules {
		out := c.rule(&f.Rules[i])
		r.byID[out.id] = len(r.rules)
		r.rules = append(r.rules, out)
	}
	if n := len(r.rules); n == 0 || !r.rules[n-1].universal() {
		c.faults = append(c.faults, errors.New("emitter rules: the last rule must match every span"))
	}
	return errors.Join(c.faults...)
}

// ruleCompiler makes rules of the file's, and collects what is wrong with them.
type ruleCompiler struct {
	keys   map[string]key
	seen   map[string]bool
	faults []error
	id     string // of the rule at hand
}

func (c *ruleCompiler) fault(format string, args ...any) {
	c.faults = append(c.faults, fmt.Errorf("emitter rule %s: %w", c.id, fmt.Errorf(format, args...)))
}

func (c *ruleCompiler) rule(in *fileRule) rule {
	c.id = in.ID
	if in.ID == "" || c.seen[in.ID] {
		c.faults = append(c.faults, fmt.Errorf("emitter rule %q: every rule needs an id of its own", in.ID))
	}
	c.seen[in.ID] = true
	if in.Source == "" {
		c.fault("source is missing; say where the facts were found")
	}
	out := rule{
		id: in.ID, scopes: in.Scopes, providers: in.Providers, provider: in.Provider, rank: in.Rank,
		uniqueIDs: in.UniqueIDs, answer: in.Answer, operations: in.Operations, spans: in.Spans, has: c.set(in.Has), hasnt: c.set(in.Hasnt),
	}
	var err error
	if out.versions, err = parseVersionRange(in.Versions); err != nil {
		c.fault("versions: %w", err)
	}
	out.versions.unversioned = in.Unversioned == nil || *in.Unversioned
	c.words(in, &out)
	return out
}

// words takes over what a rule says in words of its own.
func (c *ruleCompiler) words(in *fileRule, out *rule) {
	cache := map[string]int{"": int(inside), "inside": int(inside), "outside": int(outside), "auto": int(auto)}
	out.cacheRead = placement(c.word("cache_read", in.CacheRead, cache))
	out.cacheWrite = placement(c.word("cache_write", in.CacheWrite, cache))
	out.reasoning = placement(c.word("reasoning", in.Reasoning,
		map[string]int{"": int(inside), "inside": int(inside), "outside": int(outside), "lost": int(lost), "guessed": int(guessed)}))
	out.totalCounted = c.word("total", in.Total, map[string]int{"": 0, "counted": 1}) == 1
	out.layer = Layer(c.word("layer", in.Layer,
		map[string]int{"": int(LayerSDK), "sdk": int(LayerSDK), "framework": int(LayerFramework), "gateway": int(LayerGateway)}))
	role := c.word("role", in.Role, map[string]int{"": 0, "leaf": 0, "aggregate": 1, "none": 2})
	out.aggregate, out.none = role == 1, role == 2
	counts := c.word("counts", in.Counts, map[string]int{"": 0, "reported": 0, "guessed": 1, "last": 2})
	out.guessed, out.last = counts == 1, counts == 2
	out.repeats = c.word("repeats", in.Repeats, map[string]int{"": 0, "parent": 1}) == 1
	out.streamEstimated = c.word("streams", in.Streams, map[string]int{"": 0, "exact": 0, "estimated": 1}) == 1
	out.tiersSwapped = c.word("tiers", in.Tiers, map[string]int{"": 0, "swapped": 1}) == 1
	out.modelsCut = c.word("models", in.Models, map[string]int{"": 0, "whole": 0, "cut": 1}) == 1
	out.idsInAnswer = c.word("ids", in.IDs, map[string]int{"": 0, "told": 0, "answer": 1}) == 1
	for _, b := range in.Blind {
		out.blind |= ledger.Flags(c.word("blind", b, map[string]int{
			"tier": int(ledger.FlagTierUnknown), "cache_read": int(ledger.FlagCacheUnknown), "cache_write": int(flagWriteUnknown),
			"audio": int(ledger.FlagAudioUnknown),
		}))
	}
}

// word is what a word stands for.
func (c *ruleCompiler) word(key, value string, words map[string]int) int {
	v, ok := words[value]
	if !ok {
		c.fault("%s: %q is not one of its words", key, value)
	}
	return v
}

// set is the keys of that name.
func (c *ruleCompiler) set(list []string) (s keySet) {
	for _, n := range list {
		if k, ok := c.keys[n]; ok {
			s.add(k)
		} else {
			c.fault("%q is not a key that is read", n)
		}
	}
	return s
}

func (r *rule) universal() bool {
	return len(r.scopes) == 0 && len(r.providers) == 0 && len(r.operations) == 0 && len(r.spans) == 0 && r.has == keySet{} && r.hasnt == keySet{} && r.versions.any()
}

func (r *Rules) compileKinds(f *ruleFile) error {
	var faults []error
	operations := map[string]string{}
	for name, others := range f.Operations {
		for _, o := range others {
			operations[o] = name
		}
	}
	words := map[string]kind{"leaf": kindLeaf, "aggregate": kindAggregate, "other": kindOther}
	for name, classes := range f.Kinds {
		k := keyOf(name)
		if k == noKey {
			faults = append(faults, fmt.Errorf("emitter rules: kinds: %q is not a key that is read", name))
			continue
		}
		values := map[string]meaning{}
		for class, list := range classes {
			what, ok := words[class]
			if !ok {
				faults = append(faults, fmt.Errorf("emitter rules: kinds: %s: %q is not leaf, aggregate or other", name, class))
			}
			for _, v := range list {
				m := meaning{kind: what}
				if m.operation = operations[v]; m.operation == "" {
					m.operation = v
				}
				values[v] = m
			}
		}
		r.kinds[keys[k].field] = values
	}
	return errors.Join(faults...)
}

// matchesScope reports whether the rule can hold for spans of the scope.
func (r *rule) matchesScope(name, version string) bool {
	if !r.versions.contains(version) {
		return false
	}
	if len(r.scopes) == 0 {
		return true
	}
	for _, s := range r.scopes {
		if prefix, open := strings.CutSuffix(s, "*"); s == name || (open && strings.HasPrefix(name, prefix)) {
			return true
		}
	}
	return false
}

// flagWriteUnknown stands for FlagCacheUnknown while a rule says that only cache writes are left out.
const flagWriteUnknown ledger.Flags = 1 << 31

// matchesSpan reports whether the rule holds for a span of this name with these keys, of this provider and operation.
func (r *rule) matchesSpan(name string, present *keySet, provider, operation string) bool {
	return present.covers(&r.has) && !present.touches(&r.hasnt) &&
		(len(r.providers) == 0 || slices.Contains(r.providers, provider)) &&
		(len(r.operations) == 0 || slices.Contains(r.operations, operation)) &&
		(len(r.spans) == 0 || slices.Contains(r.spans, name))
}
