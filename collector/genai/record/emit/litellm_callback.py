"""LiteLLM's OpenTelemetry callback, with LiteLLM used as a library in front of OpenAI's and Anthropic's APIs."""

import os

os.environ |= {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False", "OTEL_EXPORTER": "http/protobuf",
               "OTEL_ENDPOINT": os.environ["RECORD_URL"]}

import litellm
from common import CASES, URL, WEATHER, record

litellm.telemetry = False
litellm.callbacks = ["otel"]
FOLLOW = [{"role": "user", "content": "Say done."}]


def call(name, case):
    more = {"num_retries": 0, "api_key": "none"}
    prefix = "anthropic/" if case["api"] == "messages" else "openai/"
    more["api_base"] = URL if case["api"] == "messages" else URL + "/v1"
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
    messages = list(FOLLOW)
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
    """LiteLLM writes its spans from a thread of its own, after the call has returned."""
    from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER  # noqa: F401  (only there in newer versions)
    from litellm.litellm_core_utils.thread_pool_executor import executor
    from opentelemetry import trace

    executor.submit(lambda: None).result()
    executor.shutdown_wait() if hasattr(executor, "shutdown_wait") else None
    trace.get_tracer_provider().force_flush()


skip = {"chat-stream-abandoned", "chat-retried", "agent"}
openai_cases = [n for n, c in CASES.items() if c["api"] in ("chat", "embeddings") and n not in skip]
record("litellm-openai", "litellm_callback.py", "openai", openai_cases, flush, call, ("litellm",))
record("litellm-anthropic", "litellm_callback.py", "anthropic",
       [n for n, c in CASES.items() if c["api"] == "messages" and n != "agent-messages"], flush, call, ("litellm",))
