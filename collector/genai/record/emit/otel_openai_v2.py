"""OpenTelemetry's openai-v2 instrumentation: its newest version, or with OLD=1 one of 2025, which writes the names of conventions
1.30 (gen_ai.system) and no cached tokens."""

import os

from common import OPENAI, openai_call, provider, record
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor

p = provider()
OpenAIInstrumentor().instrument(tracer_provider=p)
record("otel-openai-v2-old" if os.environ.get("OLD") else "otel-openai-v2", "otel_openai_v2.py", "openai",
       [n for n in OPENAI if not n.startswith("responses")], p.force_flush, lambda _, c: openai_call(c),
       ("opentelemetry-instrumentation-openai-v2", "openai"))
