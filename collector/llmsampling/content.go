package llmsampling

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// contentKeys are attributes that hold prompts, answers, or what tools were given and gave back. A key that ends in "*"
// stands for all keys that start so. Collected from the instrumentations of November 2026.
var contentKeys = []string{
	// OpenTelemetry GenAI conventions, now and before.
	"gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions", "gen_ai.tool.definitions",
	"gen_ai.tool.call.arguments", "gen_ai.tool.call.result", "gen_ai.prompt", "gen_ai.completion", "gen_ai.completion.*",
	"gen_ai.retrieval.documents", "gen_ai.retrieval.query.text", "gen_ai.event.content", "gen_ai.tool.message",
	"gen_ai.task.input", "gen_ai.task.output", "gen_ai.tool.args", "gen_ai.tool.result",
	// gen_ai.prompt.0.content and kin of OpenLLMetry; gen_ai.prompt.name and .version are not content.
	"gen_ai.prompt.0*", "gen_ai.prompt.1*", "gen_ai.prompt.2*", "gen_ai.prompt.3*", "gen_ai.prompt.4*",
	"gen_ai.prompt.5*", "gen_ai.prompt.6*", "gen_ai.prompt.7*", "gen_ai.prompt.8*", "gen_ai.prompt.9*",
	"gen_ai.content.*", "llm.prompts.*", "llm.completions.*", "llm.request.functions.*",
	"traceloop.entity.input", "traceloop.entity.output", "traceloop.prompt.template*",
	// OpenInference.
	"input.value", "output.value", "llm.input_messages*", "llm.output_messages*", "llm.prompts", "llm.completions",
	"llm.prompt_template.*", "llm.tools*", "llm.function_call", "retrieval.documents*", "reranker.query", "reranker.input_documents*", "reranker.output_documents*",
	"embedding.embeddings*", "embedding.text", "embedding.vector", "tool.parameters", "tool_call.function.arguments",
	"input.images*", "output.images*",
	// Vercel AI SDK.
	"ai.prompt*", "ai.response.text", "ai.response.object", "ai.response.toolCalls", "ai.response.reasoning",
	"ai.response.files", "ai.toolCall.args", "ai.toolCall.result", "ai.value", "ai.values", "ai.embedding", "ai.embeddings",
	"ai.schema",
	// Texts of errors quote what was asked; error.type and exception.type stay.
	"exception.message", "exception.stacktrace", "error.message", "error.stack_trace", "error.stack",
	// Others.
	"pydantic_ai.all_messages", "all_messages_events", "final_result", "tool_arguments", "tool_response", "model_request_parameters",
	"request_data", "response_data", "langfuse.observation.input", "langfuse.observation.output", "langfuse.trace.input",
	"langfuse.trace.output", "inputs", "outputs", "mlflow.spanInputs", "mlflow.spanOutputs", "gcp.vertex.agent.llm_request",
	"gcp.vertex.agent.llm_response", "gcp.vertex.agent.tool_call_args", "gcp.vertex.agent.tool_response", "gcp.vertex.agent.data",
	"lk.user_input", "lk.response.text", "lk.chat_ctx", "genkit:input", "genkit:output",
}

// llmNumbers are the families llm.<family>.<part> that hold numbers of the same names.
var llmNumbers = map[string]bool{"token_count": true, "usage": true, "cost": true}

// rawRequestParts are the last words of LiteLLM's raw keys, llm.<provider>.<part>, that hold content.
var rawRequestParts = map[string]bool{
	"messages": true, "prompt": true, "input": true, "contents": true, "content": true, "system": true, "choices": true,
	"output": true, "candidates": true, "tools": true, "functions": true, "completion": true, "instructions": true,
}

// eventParts are attributes of gen_ai events (gen_ai.user.message, gen_ai.choice …) that hold content.
var eventParts = map[string]bool{"content": true, "message": true, "tool_calls": true, "body": true, "event.body": true, "arguments": true}

// contentMatcher finds content keys: exact ones by map, the others among the prefixes with the key's first byte.
type contentMatcher struct {
	starts   [1 << 10]bool // by the first two bytes: most keys are passed over by one look
	genAI    [1 << 10]bool // of gen_ai.…, which calls are full of, by two bytes after that: another look
	exact    map[string]bool
	prefixes [256][]string
}

func newContentMatcher() *contentMatcher {
	m := &contentMatcher{exact: map[string]bool{}}
	for _, key := range contentKeys {
		m.starts[start(key)] = true
		if isGenAI(key) {
			m.genAI[second(key)] = true
		}
		if prefix, ok := strings.CutSuffix(key, "*"); ok {
			m.prefixes[prefix[0]] = append(m.prefixes[prefix[0]], prefix)
		} else {
			m.exact[key] = true
		}
	}
	m.starts[start("llm.")] = true
	return m
}

// start is a number for the first two bytes of a key, at least that long.
func start(key string) int { return int(key[0]&31)<<5 | int(key[1]&31) }

// isGenAI reports whether a key is one of gen_ai that is long enough for second; those of content are.
func isGenAI(key string) bool { return len(key) > 10 && key[:7] == "gen_ai." }

// second is a number for two bytes of a key of gen_ai that tell requests, responses and usage from content.
func second(key string) int { return int(key[7]&31)<<5 | int(key[10]&31) }

// may reports whether a key starts as one of content does.
func (m *contentMatcher) may(key string) bool {
	return len(key) > 1 && m.starts[start(key)] && (!isGenAI(key) || m.genAI[second(key)])
}

func (m *contentMatcher) match(key string) bool {
	if key == "" {
		return false
	}
	if m.exact[key] {
		return true
	}
	for _, p := range m.prefixes[key[0]] {
		if strings.HasPrefix(key, p) {
			return true
		}
	}
	if rest, ok := strings.CutPrefix(key, "llm."); ok {
		if provider, part, ok := strings.Cut(rest, "."); ok {
			return rawRequestParts[part] && !llmNumbers[provider]
		}
	}
	return false
}

// strip removes content from a span, its events and the message of its status, which quotes the request in many errors; it
// returns how many values went.
func (m *contentMatcher) strip(span ptrace.Span) int {
	n := 0
	remove := func(key string, _ pcommon.Value) bool {
		if !m.match(key) {
			return false
		}
		n++
		return true
	}
	span.Attributes().RemoveIf(remove)
	if span.Status().Message() != "" {
		span.Status().SetMessage("")
		n++
	}
	for _, event := range span.Events().All() {
		genAI := strings.HasPrefix(event.Name(), "gen_ai.")
		event.Attributes().RemoveIf(func(key string, v pcommon.Value) bool {
			if genAI && eventParts[key] {
				n++
				return true
			}
			return remove(key, v)
		})
	}
	return n
}

// cut shortens every value of a span above limit bytes; it returns how many were.
func cut(span ptrace.Span, limit int) int {
	n := cutValues(span.Attributes(), limit)
	for _, event := range span.Events().All() {
		n += cutValues(event.Attributes(), limit)
	}
	if m := span.Status().Message(); len(m) > limit {
		span.Status().SetMessage(cutText(m, limit))
		n++
	}
	return n
}

func cutValues(attrs pcommon.Map, limit int) (n int) {
	for _, v := range attrs.All() {
		switch v.Type() {
		case pcommon.ValueTypeStr:
			if s := v.Str(); len(s) > limit {
				v.SetStr(cutText(s, limit))
				n++
			}
		case pcommon.ValueTypeBytes, pcommon.ValueTypeMap, pcommon.ValueTypeSlice:
			if s := v.AsString(); len(s) > limit {
				v.SetStr(cutText(s, limit))
				n++
			}
		}
	}
	return n
}

// cutText keeps the first limit bytes, up to a rune, and says how long the text was.
func cutText(s string, limit int) string {
	end := limit
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return fmt.Sprintf("%s… [cut, %d bytes]", s[:end], len(s))
}
