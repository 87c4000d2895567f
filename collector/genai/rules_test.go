package genai

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

func TestKeysAndTheirCompiledForm(t *testing.T) {
	require.Equal(t, numKeys, len(keys))
	require.LessOrEqual(t, numKeys, 64*len(keySet{}))
	require.LessOrEqual(t, numFields, 64)
	seen := map[field]bool{}
	last := field(0)
	for i, k := range keys {
		require.Equal(t, key(i), keyOf(k.name), k.name)
		require.GreaterOrEqual(t, k.field, last, "%s: the keys of a field stand together", k.name)
		last = k.field
		seen[k.field] = true
	}
	require.Len(t, seen, numFields)
	require.Equal(t, noKey, keyOf("http.route"))
}

// A look-up compares three names at most, however many keys there are: where it doesn't, make the table larger (slotBits).
func TestKeysAreSpread(t *testing.T) {
	for i, k := range keys {
		at := slotOf(k.name) & slotMask
		require.Contains(t, []key{slots[at], slots[(at+1)&slotMask], slots[(at+2)&slotMask]}, key(i), k.name)
	}
	for n := range 40 { // of any length, and full of any bytes
		for _, b := range []string{"\x00", "a", "\xff"} {
			require.Equal(t, noKey, keyOf(strings.Repeat(b, n)))
		}
	}
}

// A span is only read if its keys' prefixes look like a model's: no key that makes a call may be missed.
func TestMentionsMissesNoKey(t *testing.T) {
	for _, k := range keys {
		attrs := pcommon.NewMap()
		attrs.PutStr("http.route", "/")
		attrs.PutStr(k.name, "x")
		model, reserved := Mentions(attrs)
		require.False(t, reserved)
		if modelFields&(1<<k.field) != 0 {
			require.True(t, model, k.name)
		}
	}
	attrs := pcommon.NewMap()
	attrs.PutStr("tollkeeper.tenant", "evil")
	model, reserved := Mentions(attrs)
	require.False(t, model)
	require.True(t, reserved)
	attrs.PutStr("gen_ai.operation.name", "chat")
	model, reserved = Mentions(attrs)
	require.True(t, model)
	require.False(t, reserved, "of a model's span Read says it")
}

func TestBuiltinRules(t *testing.T) {
	r, err := BuiltinRules()
	require.NoError(t, err)
	for _, rl := range r.rules {
		for _, p := range append(rl.providers, rl.provider) {
			if p != "" {
				require.Equal(t, p, r.providers[p], "rule %s: provider %s is not one of the conventions' names", rl.id, p)
			}
		}
	}
	// Two reports of one rank are never taken for one call: two instrumentations of one client, or two layers, need two ranks.
	families := map[uint8]string{}
	for _, rl := range r.rules {
		if rl.none {
			continue
		}
		family, _, _ := strings.Cut(rl.id, ".")
		if other, ok := families[rl.rank]; ok && !rl.aggregate {
			require.Equal(t, other, family, "rank %d, rule %s", rl.rank, rl.id)
		}
		families[rl.rank] = family
	}
	// Every rule can be reached: no earlier rule takes all of its spans.
	for i, rl := range r.rules {
		for _, earlier := range r.rules[:i] {
			if len(earlier.scopes) == 0 && earlier.universal() {
				t.Fatalf("rule %s is hidden by %s", rl.id, earlier.id)
			}
			if len(rl.scopes) > 0 && len(earlier.scopes) > 0 && plain(&earlier) {
				hidden := true
				for _, s := range rl.scopes {
					hidden = hidden && earlier.matchesScope(strings.TrimSuffix(s, "*"), "")
				}
				require.False(t, hidden, "rule %s is hidden by %s", rl.id, earlier.id)
			}
		}
	}
}

// plain reports whether a rule has no condition but its scopes.
func plain(r *rule) bool {
	c := *r
	c.scopes = nil
	return c.universal()
}

func TestRuleFaultsAreToldAtOnce(t *testing.T) {
	_, err := ParseRules([]byte(`
rules:
  - {id: a, source: x, has: [gen_ai.nothing], cache_read: beside, layer: sdk, versions: "~1"}
  - {id: a, providers: [openai]}
kinds:
  some.key: {leaf: [x]}
  gen_ai.operation.name: {leave: [x]}
providers:
  openai: [oai]
  other: [oai]
`))
	require.Error(t, err)
	for _, want := range []string{
		`rule a: "gen_ai.nothing" is not a key`, `cache_read: "beside" is not one of its words`, `"~1": want bounds`,
		`rule "a": every rule needs an id of its own`, "source is missing", "the last rule must match every span",
		`"some.key" is not a key`, `"leave" is not leaf`, `provider name "oai" stands for`,
	} {
		require.ErrorContains(t, err, want)
	}
	_, err = ParseRules([]byte("colour: red"))
	require.ErrorContains(t, err, "colour")
}

func TestVersionRange(t *testing.T) {
	for _, c := range []struct {
		bounds, version string
		want            bool
	}{
		{"", "", true}, {"", "1.2.3", true},
		{">=1.2 <2", "1.2", true}, {">=1.2 <2", "1.2.0", true}, {">=1.2 <2", "1.19.3", true}, {">=1.2 <2", "2.0.0", false},
		{">=1.2 <2", "1.1.9", false}, {">=1.2 <2", "v1.5", true}, {"<2", "2.0b1", false}, {"<=2.5", "2.5b0.dev", true},
		{"=3.1.4", "3.1.4", true}, {">3", "3", false}, {">=1", "unknown", true}, {">=1", "", true},
		{">=1", "99999999999999999999", true},
	} {
		r, err := parseVersionRange(c.bounds)
		require.NoError(t, err)
		r.unversioned = true
		require.Equal(t, c.want, r.contains(c.version), "%q in %q", c.version, c.bounds)
	}
	r, err := parseVersionRange(">=1")
	require.NoError(t, err)
	require.False(t, r.contains(""))
	require.False(t, r.any())
}
