"""OpenTelemetry's openai-v2 instrumentation, in its default mode (conventions 1.30) or, with OTEL_SEMCONV_STABILITY_OPT_IN, its
experimental one."""

import os

from common import OPENAI, openai_call, provider, record
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor

p = provider()
OpenAIInstrumentor().instrument(tracer_provider=p)
latest = os.environ.get("OTEL_SEMCONV_STABILITY_OPT_IN") == "gen_ai_latest_experimental"
record("otel-openai-v2-latest" if latest else "otel-openai-v2", "otel_openai_v2.py", "openai",
       [n for n in OPENAI if not n.startswith("responses")], p.force_flush, lambda _, c: openai_call(c),
       ("opentelemetry-instrumentation-openai-v2", "openai"),
       "OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental" if latest else "")
