"""LiteLLM's OpenTelemetry callback, with LiteLLM used as a library in front of OpenAI's, Anthropic's, Google's and Bedrock's APIs."""

import os

os.environ |= {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False", "OTEL_EXPORTER": "http/protobuf",
               "OTEL_ENDPOINT": os.environ["RECORD_URL"]}

import time

import litellm
from common import BEDROCK, CASES, GOOGLE, URL, WEATHER, ask, record
from opentelemetry import trace

litellm.telemetry = False
litellm.callbacks = ["otel"]
pending = []  # calls of the case under way


def call(name, case):
    if name.startswith("agent"):
        attributes = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "assistant"}
        with trace.get_tracer("assistant").start_as_current_span("invoke_agent assistant", attributes=attributes):
            complete(name, case)
            wait("raw_gen_ai_request", pending.pop())
            return pending.append(0)
    complete(name, case)


def complete(name, case):
    pending.append(len(case["answers"]))
    prefix, base = {"messages": ("anthropic/", URL), "generate": ("gemini/", URL + "/v1beta"),
                    "converse": ("bedrock/converse/", None)}.get(case["api"], ("openai/", URL + "/v1"))
    more = {"num_retries": 0, "api_key": "none", "api_base": base}
    if base is None:
        more = {"num_retries": 0, "aws_bedrock_runtime_endpoint": URL, "aws_region_name": "eu-west-1", "aws_access_key_id": "none",
                "aws_secret_access_key": "none"}
    if case["api"] == "embeddings":
        litellm.embedding(model=prefix + case["model"], input=["Where is my parcel?"], **more)
        return
    if case["tier"]:
        more["service_tier"] = case["tier"]
    if case["stream"]:
        more["stream"] = True
        if case["stream_usage"]:
            more["stream_options"] = {"include_usage": True}
    if any(a["tool"] for a in case["answers"]):
        more["tools"] = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]
    messages = [{"role": "user", "content": "Say done."}]
    for _ in case["answers"]:
        answer = litellm.completion(model=prefix + case["model"], messages=messages, **more)
        if case["stream"]:
            for _ in answer:
                pass
            return
        message = answer.choices[0].message
        if message.tool_calls:
            messages += [message.model_dump(exclude_none=True),
                         {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "Sunny."}]


def flush():
    trace.get_tracer_provider().force_flush()
    wait("litellm_request", pending.pop())


def wait(name, calls):
    """LiteLLM writes its spans from threads of its own, some time after the call has returned."""
    deadline = time.monotonic() + 60
    while ask("/_spans")["names"].count(name) < calls:
        if time.monotonic() > deadline:
            raise TimeoutError("LiteLLM wrote no span within a minute")
        trace.get_tracer_provider().force_flush()
        time.sleep(0.02)


skip = {"chat-stream-abandoned", "chat-retried"}
openai_cases = [n for n, c in CASES.items() if c["api"] in ("chat", "embeddings") and n not in skip]
if os.environ.get("OTEL_TRACER_NAME"):  # the scope has another name then
    record("litellm-renamed", "litellm_callback.py", "openai", ["chat", "chat-cached", "chat-stream"], flush, call, ("litellm",))
    raise SystemExit
record("litellm-openai", "litellm_callback.py", "openai", openai_cases, flush, call, ("litellm",))
record("litellm-anthropic", "litellm_callback.py", "anthropic",
       [n for n, c in CASES.items() if c["api"] == "messages" and not n.startswith("agent")], flush, call, ("litellm",))
record("litellm-gemini", "litellm_callback.py", "google", [*GOOGLE, "agent-generate"], flush, call, ("litellm",))
record("litellm-bedrock", "litellm_callback.py", "aws.bedrock", [*BEDROCK, "agent-converse"], flush, call, ("litellm",))
