"""OpenTelemetry's openai-v2 instrumentation: its newest version, or with OLD=1 one of 2025, which writes the names of conventions
1.30 (gen_ai.system) and no cached tokens."""

import os

from common import OPENAI, openai_call, provider, record
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor

old = bool(os.environ.get("OLD"))
names = [n for n in OPENAI if not n.startswith("responses") and not (old and n == "embeddings")] + ["agent"]  # what each version instruments
p = provider()
OpenAIInstrumentor().instrument(tracer_provider=p)
tracer = p.get_tracer("assistant")


def call(name, case):
    if name != "agent":
        return openai_call(case)
    with tracer.start_as_current_span("invoke_agent assistant", attributes={"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "assistant"}):
        openai_call(case)


record("otel-openai-v2-old" if old else "otel-openai-v2", "otel_openai_v2.py", "openai", names, p.force_flush,
       call, ("opentelemetry-instrumentation-openai-v2", "openai"))
