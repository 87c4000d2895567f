package genai_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/collector/genai"
	"github.com/tollkeeper/tollkeeper/internal/replay"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// unproved are the rules that no recording shows at work, with what they rest on: only unit tests in reader_test.go.
var unproved = map[string]string{
	"openinference.mistralai": "its 2.2.2 doesn't load beside the mistralai that OpenLLMetry needs",
	"openllmetry":             "instrumentations without a rule of their own (Groq, Cohere …), by the conventions",
	"openlit":                 "OpenLIT's instrumentations without a rule of their own",
	"openlit.outside":         "the same for Bedrock, as its sister for Anthropic",
}

// Every rule reads a span of a recording (DESIGN D8), or is on the list of those that rest on their source alone.
func TestRulesAreProved(t *testing.T) {
	rules, err := genai.BuiltinRules()
	require.NoError(t, err)
	all, err := replay.Load("testdata/recordings")
	require.NoError(t, err)
	used := map[string]bool{}
	reader := genai.NewReader(rules)
	for _, r := range all {
		for _, rs := range r.Traces.ResourceSpans().All() {
			res := genai.ReadResource(rs.Resource())
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					var c ledger.Call
					if reader.Read(span, &res, reader.Scope(ss.Scope()), &c) != genai.NotModel {
						used[c.Rule] = true
					}
				}
			}
		}
	}
	text, err := os.ReadFile("rules.yaml")
	require.NoError(t, err)
	for _, m := range regexp.MustCompile(`(?m)^  - id: (\S+)\n((?:    .*\n)*)`).FindAllStringSubmatch(string(text), -1) {
		id, body := m[1], m[2]
		if regexp.MustCompile(`(?m)^    role: (aggregate|none)`).MatchString(body) {
			continue // leaves no call; TestRecordedUsage would find one too many
		}
		_, listed := unproved[id]
		assert.NotEqual(t, listed, used[id], "rule %s: recorded %v, on the list of the unproved %v", id, used[id], listed)
	}
}
