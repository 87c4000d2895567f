"""OpenTelemetry's own OpenAI instrumentation, in the generation of the genai repository."""

from common import OPENAI, openai_call, provider, record
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

p = provider()
OpenAIInstrumentor().instrument(tracer_provider=p)
record("otel-genai-openai", "otel_genai_openai.py", "openai", OPENAI, p.force_flush, lambda _, c: openai_call(c),
       ("opentelemetry-instrumentation-genai-openai", "opentelemetry-util-genai", "openai"))
