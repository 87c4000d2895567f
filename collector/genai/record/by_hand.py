"""Spans written by hand from an emitter's source or documentation, where it can't be run here. Marked so in each truth file: they
prove that a rule reads what the source says is written, not what is written.

  by_hand.py DIR     writes DIR/<emitter>/<case>.otlp.json and .truth.json

Ids and times are derived from the case's name, so a second run writes the same bytes.
"""

import hashlib
import json
import pathlib
import sys

import prices
from cases import CASES
from modelserver import sums, writes

START = 1795442400_000000000  # 2026-11-23T14:00:00Z


class Trace:
    """The spans of one case, a second apart."""

    def __init__(self, emitter, case):
        self.seed, self.scopes, self.n = f"{emitter}/{case}", {}, 0
        self.trace = hashlib.sha256(self.seed.encode()).hexdigest()[:32]

    def span(self, scope, name, attributes, parent="", start=0, end=1000, service="gateway", kind=3, error=None, trace=None):
        """Adds a span; start and end are milliseconds from the beginning of the case. Returns its id."""
        self.n += 1
        span_id = hashlib.sha256(f"{self.seed}/{self.n}".encode()).hexdigest()[:16]
        span = {"traceId": trace or self.trace, "spanId": span_id, "parentSpanId": parent, "name": name, "kind": kind,
                "startTimeUnixNano": str(START + start * 1_000_000), "endTimeUnixNano": str(START + end * 1_000_000),
                "attributes": [{"key": k, "value": value(v)} for k, v in attributes.items() if v is not None],
                "status": {"code": 2, "message": error} if error else {}}
        if not parent:
            del span["parentSpanId"]
        self.scopes.setdefault((service, scope), []).append(span)
        return span_id

    def otlp(self):
        def resource(service):
            more = {"service.name": service, "tenant.id": "recordings", "deployment.environment.name": "recording"}
            return {"attributes": [{"key": k, "value": {"stringValue": v}} for k, v in more.items()]}

        return {"resourceSpans": [{"resource": resource(service), "scopeSpans": [{"scope": {"name": scope} if scope else {}, "spans": spans}]}
                                  for (service, scope), spans in self.scopes.items()]}


def value(v):
    if isinstance(v, bool):
        return {"boolValue": v}
    if isinstance(v, int):
        return {"intValue": str(v)}
    if isinstance(v, float):
        return {"doubleValue": v}
    if isinstance(v, list):
        return {"arrayValue": {"values": [value(x) for x in v]}}
    return {"stringValue": v}


def response_id(t, n):
    return f"chatcmpl-{hashlib.sha256(f'{t.seed}/answer {n}'.encode()).hexdigest()[:24]}"


PROVIDERS = {"messages": "anthropic", "converse": "aws.bedrock", "generate": "gcp.gemini"}


def told(case, answer, cached="included"):
    """The counts by the conventions' names: cached tokens inside the input, or beside it."""
    u = answer.usage
    prompt, output = sums(u)
    if cached == "excluded":
        prompt -= u.get("cache_read", 0) + writes(u)
    return {"gen_ai.usage.input_tokens": prompt, "gen_ai.usage.output_tokens": output,
            "gen_ai.usage.cache_read.input_tokens": u.get("cache_read", 0), "gen_ai.usage.cache_creation.input_tokens": writes(u),
            "gen_ai.usage.reasoning.output_tokens": u.get("reasoning", 0)}


def head(case):
    return {"gen_ai.operation.name": "embeddings" if case.api == "embeddings" else "chat", "gen_ai.provider.name": PROVIDERS.get(case.api, "openai"),
            "gen_ai.request.model": case.model}


def bifrost(t, case, legacy=False):
    """One span per attempt below the request's own, which repeats the answer's model and counts."""
    root = {"http.route": "/v1/chat/completions", "bifrost.request.id": None if legacy else t.trace[:12]}
    last = None
    attempts = []
    for n, answer in enumerate(case.answers):
        u, (prompt, output) = answer.usage, sums(answer.usage)
        a = {"gen_ai.operation.name": "embeddings" if case.api == "embeddings" else "chat", "gen_ai.provider.name": PROVIDERS.get(case.api, "openai"),
             "gen_ai.request.model": case.model, "bifrost.retries": n if case.retries else 0}
        if not legacy:
            a |= {"bifrost.request.id": t.trace[:12], "bifrost.provider.name": PROVIDERS.get(case.api, "openai"), "bifrost.virtual_key.id": "vk-7",
                  "bifrost.team.id": "support"}
        else:
            a |= {"gen_ai.virtual_key_id": "vk-7", "gen_ai.team_id": "support"}
        if answer.status != 200:
            a |= {"gen_ai.error.type": "rate_limit_exceeded" if answer.status == 429 else "server_error", "gen_ai.error.code": str(answer.status)}
        else:
            last = {"gen_ai.response.model": case.served or case.model, "gen_ai.usage.input_tokens": prompt, "gen_ai.usage.output_tokens": output}
            a |= last | {"gen_ai.response.id": response_id(t, n), "gen_ai.usage.prompt_tokens": prompt, "gen_ai.usage.completion_tokens": output,
                         "gen_ai.usage.total_tokens": prompt + output, "gen_ai.response.service_tier": answer.tier, "gen_ai.response.finish_reason": "stop",
                         "gen_ai.usage.prompt_token_details.audio_tokens": u.get("audio_input", 0)}
            if legacy:
                a |= {"gen_ai.usage.prompt_token_details.cached_read_tokens": u.get("cache_read", 0),
                      "gen_ai.usage.prompt_token_details.cached_write_tokens": writes(u),
                      "gen_ai.usage.completion_token_details.reasoning_tokens": u.get("reasoning", 0)}
            else:
                a |= {"gen_ai.usage.cache_read.input_tokens": u.get("cache_read", 0), "gen_ai.usage.cache_creation.input_tokens": writes(u),
                      "gen_ai.usage.prompt_token_details.cached_write_tokens_5m": u.get("cache_write_5m", 0),
                      "gen_ai.usage.prompt_token_details.cached_write_tokens_1h": u.get("cache_write_1h", 0),
                      "gen_ai.usage.reasoning.output_tokens": u.get("reasoning", 0)}
            price = (case.model, answer.tier) in prices.LIST and prices.usd(case.model, u, answer.tier)
            a["gen_ai.usage.cost"] = float(price) if price else None
        attempts.append((a, answer, n))
    if not legacy:
        root |= last or {}
    return root, attempts


def emit_bifrost(t, case, legacy=False, parent="", trace=None):
    root, attempts = bifrost(t, case, legacy)
    span = t.span("bifrost", "/v1/chat/completions", root, parent, 10, 10 + 1000 * len(attempts), kind=2)
    for a, answer, n in attempts:
        t.span("bifrost", "llm.call", a, span, 20 + 1000 * n, 900 + 1000 * n, error=None if answer.status == 200 else "failed")


def portkey(t, case):
    for n, answer in enumerate(case.answers):
        a = head(case)
        if answer.status == 200:
            a |= told(case, answer) | {"gen_ai.response.model": case.served or case.model, "gen_ai.response.id": response_id(t, n)}
        else:
            a["error.type"] = str(answer.status)
        t.span("portkey", f"chat {case.model}", a, "", 1000 * n, 1000 * n + 900, error=None if answer.status == 200 else "failed")


def gateway_and_client(t, case):
    """An OpenAI client under OpenLLMetry in front of Bifrost, one trace."""
    for n, answer in enumerate(case.answers):
        a = head(case) | told(case, answer) | {"gen_ai.response.model": case.served or case.model, "gen_ai.response.id": response_id(t, n),
                                               "gen_ai.openai.api_base": "http://bifrost.internal:8080/v1/", "openai.response.service_tier": answer.tier}
        client = t.span("opentelemetry.instrumentation.openai.v1", "openai.chat", a, "", 0, 1100, service="assistant")
    emit_bifrost(t, case, parent=client)


def batch(t, case):
    """What a program that reads the results of Anthropic's batches reports of each, by the conventions' names."""
    for n, answer in enumerate(case.answers):
        t.span("com.acme.batches", f"chat {case.model}", head(case) | told(case, answer) | {
            "gen_ai.response.model": case.served or case.model, "gen_ai.response.id": response_id(t, n), "anthropic.response.service_tier": "batch"},
            "", 1000 * n, 1000 * n + 900, service="nightly")


def strands(t, case, cached):
    """An agent span with the sum of its calls' usage above a span per call (strands issue 3602); before release 1.40 without cached tokens."""
    total = {}
    for answer in case.answers:
        for k, v in told(case, answer, cached).items():
            total[k] = total.get(k, 0) + v
    agent = t.span("strands.telemetry.tracer", "invoke_agent assistant", {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "assistant",
                   "gen_ai.system": "strands-agents", "gen_ai.request.model": case.model} | total, "", 0, 5000, service="assistant", kind=1)
    for n, answer in enumerate(case.answers):
        u = told(case, answer, cached)
        t.span("strands.telemetry.tracer", "chat", {"gen_ai.operation.name": "chat", "gen_ai.provider.name": PROVIDERS.get(case.api, "openai"),
               "gen_ai.request.model": case.served or case.model, "gen_ai.usage.input_tokens": u["gen_ai.usage.input_tokens"],
               "gen_ai.usage.output_tokens": u["gen_ai.usage.output_tokens"], "gen_ai.usage.cache_read_input_tokens": u["gen_ai.usage.cache_read.input_tokens"],
               "gen_ai.usage.cache_write_input_tokens": u["gen_ai.usage.cache_creation.input_tokens"]}, agent, 100 + 1000 * n, 900 + 1000 * n, service="assistant")


def plain(scope, cached="included", generation="current", more=None, service="assistant"):
    """A span per request of a library that uses the conventions' names, as they are or as they were before 1.37."""
    def write(t, case):
        for n, answer in enumerate(case.answers):
            a = head(case)
            if generation == "previous":
                a["gen_ai.system"] = a.pop("gen_ai.provider.name")
            if answer.status == 200:
                u = told(case, answer, cached)
                if generation == "previous":
                    u = {"gen_ai.usage.prompt_tokens": u["gen_ai.usage.input_tokens"], "gen_ai.usage.completion_tokens": u["gen_ai.usage.output_tokens"],
                         "gen_ai.usage.cache_read_input_tokens": u["gen_ai.usage.cache_read.input_tokens"] or None,
                         "gen_ai.usage.cache_creation_input_tokens": u["gen_ai.usage.cache_creation.input_tokens"] or None,
                         "gen_ai.usage.reasoning_tokens": u["gen_ai.usage.reasoning.output_tokens"] or None}
                a |= u | {"gen_ai.response.model": case.served or case.model, "gen_ai.response.id": response_id(t, n)}
            else:
                a["error.type"] = str(answer.status)
            t.span(scope, f"chat {case.model}", a | (more or {}), "", 1000 * n, 1000 * n + 900, service=service,
                   error=None if answer.status == 200 else "failed")

    return write


def langfuse(t, case):
    """A generation that a program reports itself, by Langfuse's own names for counts and costs."""
    for n, answer in enumerate(case.answers):
        prompt, output = sums(answer.usage)
        usage = {"input": prompt, "output": output, "total": prompt + output, "input_cached_tokens": answer.usage.get("cache_read", 0),
                 "output_reasoning_tokens": answer.usage.get("reasoning", 0), "input_audio_tokens": 0}
        t.span("langfuse-sdk", "answer", {"langfuse.observation.type": "generation", "langfuse.observation.model.name": case.served or case.model,
               "gen_ai.provider.name": "openai", "langfuse.observation.usage_details": json.dumps(usage),
               "langfuse.observation.cost_details": json.dumps({"total": float(prices.usd(case.model, answer.usage))}),
               "langfuse.session.id": "session-42", "langfuse.user.id": "user-7", "langfuse.observation.prompt.name": "greeting",
               "langfuse.observation.prompt.version": 3}, "", 1000 * n, 1000 * n + 900, service="assistant")


def vertexai(t, case):
    """OpenInference's Vertex AI: the output is the candidates', the total the provider's, so the thoughts are their difference."""
    for n, answer in enumerate(case.answers):
        prompt, output = sums(answer.usage)
        t.span("openinference.instrumentation.vertexai", "GenerativeModel.generate_content", {
            "openinference.span.kind": "LLM", "llm.model_name": case.model, "llm.token_count.prompt": prompt,
            "llm.token_count.completion": output - answer.usage.get("reasoning", 0), "llm.token_count.total": prompt + output,
            "llm.token_count.prompt_details.cache_read": answer.usage.get("cache_read")}, "", 1000 * n, 1000 * n + 900, service="assistant")


BIFROST = "maximhq/bifrost core/schemas/trace.go (1.6)"
OPENAI = ["chat", "chat-cached", "chat-reasoning", "chat-audio", "chat-flex", "chat-tools", "chat-rate-limited", "chat-retried", "chat-unknown-model", "embeddings"]
ANTHROPIC = ["messages", "messages-cache-read", "messages-cache-write", "messages-cache-1h"]
EMITTERS = {
    "bifrost-by-hand": (lambda t, c: emit_bifrost(t, c), OPENAI + ANTHROPIC, BIFROST),
    "bifrost-legacy-by-hand": (lambda t, c: emit_bifrost(t, c, legacy=True), OPENAI + ANTHROPIC[:3], BIFROST + ", the names before 1.6"),
    "bifrost-by-hand-and-openllmetry": (gateway_and_client, ["chat", "chat-cached", "chat-flex"], BIFROST + "; the client's span as in openllmetry-openai"),
    "portkey-by-hand": (portkey, ["chat", "chat-cached", "chat-reasoning", "chat-rate-limited", "messages-cache-read", "embeddings"],
                        "Portkey's documentation, \"Complete logs export\"; the scope's name is assumed"),
    "batch-by-hand": (batch, ["messages", "messages-cache-read", "messages-cache-write"], "Anthropic's Message Batches API (usage.service_tier) and the GenAI conventions"),
    "strands-by-hand": (lambda t, c: strands(t, c, "included"), ["agent", "agent-messages"], "strands issues 3602 and 3886 (cached tokens inside the input)"),
    "genkit-by-hand": (plain("genkit-tracer", "excluded"), ["generate", "generate-cached"], "genkit issue 5412 (cached tokens beside the input)"),
    "ruby-llm-by-hand": (plain("opentelemetry-instrumentation-ruby_llm", "excluded"), ["chat", "chat-cached"],
                         "ruby_llm OTel fix 38 (exports as input what the cache didn't serve)"),
    "pydantic-ai-old-by-hand": (plain("pydantic-ai", "excluded", "previous"), ["messages", "messages-cache-read", "messages-cache-write"],
                                "pydantic-ai PR 5523, Logfire PR 1812: Anthropic's input without cached tokens, before release 2"),
    "livekit-by-hand": (plain("livekit-agents"), ["chat", "chat-cached"], "LiveKit agents: the conventions' names, cached tokens inside"),
    "adk-by-hand": (plain("gcp.vertex.agent"), ["generate", "generate-cached"], "Google ADK: the conventions' names"),
    "old-conventions-by-hand": (plain("com.acme.llm", "included", "previous"), ["chat", "chat-cached", "chat-reasoning", "chat-rate-limited", "embeddings"],
                                "GenAI semantic conventions 1.27 to 1.36"),
    "old-conventions-beside-by-hand": (plain("com.acme.llm", "excluded", "previous"), ["messages", "messages-cache-read", "messages-cache-write"],
                                       "GenAI semantic conventions before 1.40, which left open whether cached tokens are inside: Anthropic's own counts"),
    "langfuse-by-hand": (langfuse, ["chat", "chat-cached", "chat-reasoning"], "Langfuse's SDK: update_generation(usage_details=…, cost_details=…)"),
    "openinference-vertexai-by-hand": (vertexai, ["generate", "generate-cached", "generate-thinking"], "Arize-ai/openinference 2026-08-21"),
    "strands-old-by-hand": (lambda t, c: strands(t, c, "excluded"), ["agent-messages"], "strands issues 3602 and 3886 (cached tokens outside of the input)"),
}


def main():
    out = pathlib.Path(sys.argv[1])
    for emitter, (write, names, source) in EMITTERS.items():
        for name in names:
            case = CASES[name]
            t = Trace(emitter, name)
            write(t, case)
            tier = "batch" if emitter.startswith("batch") else None
            billed = [{"model": case.served or case.model, "service_tier": tier or a.tier, "usage": a.usage, "usd": prices.usd(case.model, a.usage, tier or a.tier)}
                      for a in case.answers if a.status == 200]
            truth = {"emitter": emitter, "versions": {"written by hand": source}, "provider": PROVIDERS.get(case.api, "openai"), "case": name, "note": case.note, "billed": billed,
                     "prices": "list prices checked 2026-11-22; see record/prices.py", "recorded": f"written by hand (record/by_hand.py) from: {source}",
                     "when": "2026-11-23T14:00:00Z"}
            folder = out / emitter
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}.otlp.json").write_text(json.dumps(t.otlp(), indent=1, ensure_ascii=False) + "\n")
            (folder / f"{name}.truth.json").write_text(json.dumps(truth, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
