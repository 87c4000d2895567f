package genai

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// readInto says how a span with one key of a group is made, and what of the record the key must have changed.
var readInto = map[string]struct {
	value any
	more  attrs // what else the span says
	got   func(*ledger.Call) any
	want  any
}{
	"provider":                  {"anthropic", nil, func(c *ledger.Call) any { return c.Provider }, "anthropic"},
	"operation":                 {"", nil, func(c *ledger.Call) any { return c.Operation }, "chat"},
	"request model":             {"m-1", nil, func(c *ledger.Call) any { return c.RequestModel }, "m-1"},
	"response model":            {"m-2", nil, func(c *ledger.Call) any { return c.Model }, "m-2"},
	"response id":               {"r-1", nil, func(c *ledger.Call) any { return c.ResponseID }, hashID("r-1")},
	"input":                     {70, attrs{"gen_ai.usage.output_tokens": 5}, raw(ledger.RawInput), int64(70)},
	"output":                    {70, attrs{"gen_ai.usage.input_tokens": 5}, raw(ledger.RawOutput), int64(70)},
	"total":                     {70, nil, raw(ledger.RawTotal), int64(70)},
	"cache read":                {3, nil, bucket(ledger.CacheRead), int64(3)},
	"cache write":               {3, nil, bucket(ledger.CacheWrite5m), int64(3)},
	"cache write 5m":            {2, attrs{"gen_ai.usage.cache_write.input_tokens": 3}, bucket(ledger.CacheWrite5m), int64(2)},
	"cache write 1h":            {2, attrs{"gen_ai.usage.cache_write.input_tokens": 3}, bucket(ledger.CacheWrite1h), int64(2)},
	"reasoning":                 {2, nil, bucket(ledger.Reasoning), int64(2)},
	"audio input":               {2, nil, bucket(ledger.AudioInput), int64(2)},
	"audio output":              {2, nil, bucket(ledger.AudioOutput), int64(2)},
	"image input":               {2, nil, bucket(ledger.ImageInput), int64(2)},
	"image output":              {2, nil, raw(ledger.RawImageOutput), int64(2)},
	"text input":                {2, nil, raw(ledger.RawTextInput), int64(2)},
	"text output":               {2, nil, raw(ledger.RawTextOutput), int64(2)},
	"images":                    {4, nil, raw(ledger.RawImages), int64(4)},
	"seconds":                   {2.5, nil, raw(ledger.RawMillis), int64(2500)},
	"pages":                     {3, nil, raw(ledger.RawPages), int64(3)},
	"cost":                      {0.25, nil, func(c *ledger.Call) any { return c.ProvidedCost }, ledger.USD / 4},
	"conversation":              {"v", nil, func(c *ledger.Call) any { return c.Conversation }, "v"},
	"user":                      {"v", nil, func(c *ledger.Call) any { return c.User }, "v"},
	"team":                      {"v", nil, func(c *ledger.Call) any { return c.Team }, "v"},
	"key":                       {"v", nil, func(c *ledger.Call) any { return c.Key }, "v"},
	"agent":                     {"v", nil, func(c *ledger.Call) any { return c.Agent }, "v"},
	"feature":                   {"v", nil, func(c *ledger.Call) any { return c.Feature }, "v"},
	"prompt":                    {"v", nil, func(c *ledger.Call) any { return c.Prompt }, "v"},
	"prompt version":            {"v", nil, func(c *ledger.Call) any { return c.PromptVersion }, "v"},
	"finish reason":             {"stop", nil, func(c *ledger.Call) any { return c.FinishReason }, "stop"},
	"error class":               {"Broken", nil, func(c *ledger.Call) any { return c.ErrorClass }, "Broken"},
	"first token, seconds":      {0.25, nil, func(c *ledger.Call) any { return c.FirstToken }, int64(time.Second / 4)},
	"first token, milliseconds": {250, nil, func(c *ledger.Call) any { return c.FirstToken }, int64(time.Second / 4)},
	"stream":                    {true, nil, func(c *ledger.Call) any { return c.Kind }, "stream"},
	"service tier":              {"flex", nil, func(c *ledger.Call) any { return c.ServiceTier }, "flex"},
	"asked service tier":        {"flex", nil, func(c *ledger.Call) any { return c.ServiceTier }, "flex"},
	"service":                   {"v", nil, func(c *ledger.Call) any { return c.Service }, "v"},
	"environment":               {"v", nil, func(c *ledger.Call) any { return c.Environment }, "v"},
}

func raw(f ledger.RawField) func(*ledger.Call) any {
	return func(c *ledger.Call) any { n, _ := c.Raw.Get(f); return n }
}

func bucket(b ledger.Bucket) func(*ledger.Call) any {
	return func(c *ledger.Call) any { return c.Usage.Tokens[b] }
}

// operations are a value of each key that says what a span is, for a chat.
var operations = map[string]string{
	"gen_ai.operation.name": "chat", "llm.request.type": "chat", "openinference.span.kind": "LLM",
	"ai.operationId": "ai.generateText.doGenerate", "langfuse.observation.type": "generation",
}

type keyList struct {
	groups     map[string][]string
	passedOver map[string][]string
}

func knownKeys(t *testing.T) (out keyList) {
	content, err := os.ReadFile("testdata/keys.yaml")
	require.NoError(t, err)
	var all map[string]any
	require.NoError(t, yaml.Unmarshal(content, &all))
	texts := func(list any) (names []string) {
		for _, n := range list.([]any) {
			names = append(names, n.(string))
		}
		return names
	}
	out.groups, out.passedOver = map[string][]string{}, map[string][]string{}
	for group, list := range all {
		if group != "passed over" {
			out.groups[group] = texts(list)
			continue
		}
		for reason, names := range list.(map[string]any) {
			out.passedOver[reason] = texts(names)
		}
	}
	return out
}

// Every key on the list of those that are known in the wild is read into what the list says.
func TestEveryKeyIsRead(t *testing.T) {
	list := knownKeys(t)
	onList := map[string]bool{}
	for group, names := range list.groups {
		into, ok := readInto[group]
		require.True(t, ok, "testdata/keys.yaml: %s: no such part of a record", group)
		for _, name := range names {
			require.False(t, onList[name], "%s is on the list twice", name)
			onList[name] = true
			// The span says no more than it must: that it is a chat, and counts, unless the key itself does.
			a := attrs{"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 10}
			value := into.value
			switch group {
			case "operation":
				delete(a, "gen_ai.operation.name")
				value = operations[name]
			case "input":
				delete(a, "gen_ai.usage.input_tokens")
			case "output":
				delete(a, "gen_ai.usage.output_tokens")
			}
			for k, v := range into.more {
				a[k] = v
			}
			a[name] = value
			got, out := readOf(t, &Resource{}, "somebody", a, func(s ptrace.Span) { s.SetEndTimestamp(s.StartTimestamp() + 2e9) })
			require.Equal(t, Call, out, name)
			require.Equal(t, into.want, into.got(&got), "%s is not read as %s", name, group)
		}
	}
	require.Len(t, list.groups, len(readInto), "a part of the record without a key on the list")
	for reason, names := range list.passedOver {
		for _, name := range names {
			onList[name] = true
			if k := keyOf(name); k != noKey {
				f := keys[k].field
				require.True(t, aggregated[f] || f == fTraceloopKind, "%s is said to be passed over (%s), but is read", name, reason)
			}
		}
	}
	for _, k := range keys {
		if onList[k.name] || detail[k.field] || aggregated[k.field] {
			continue
		}
		require.True(t, strings.HasPrefix(k.name, "http.") || k.name == "reranker.model_name", "%s is read, but not on the list", k.name)
	}
}

// aggregated are fields of an agent's run; TestAggregatesWithUsage reads them.
var aggregated = map[field]bool{fAggregated: true, fAggregatedOutput: true, fAggregatedCacheRead: true, fAggregatedCacheWrite: true}

// detail are fields from which parts of a record are read in ways of their own, each with a test of its own.
var detail = map[field]bool{
	fProviderMetadata: true, fUsageObject: true, fParameters: true, fAnswer: true, fServer: true, fUsageDetails: true, fCostDetails: true,
	fCurrency: true, fAudioCached: true, fImageCached: true, fStatus: true, fGateway: true,
}
