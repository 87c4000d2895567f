"""OpenLLMetry for Python: its OpenAI and Anthropic instrumentations, with Traceloop's workflow decorators.

Anthropic's SDK writes spans of its own by default; they are off here, and recorded by anthropic_sdk.py.
"""

import os

os.environ["ANTHROPIC_OPEN_TELEMETRY"] = "false"

from common import ANTHROPIC, OPENAI, anthropic_call, openai_call, provider, record
from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor
from opentelemetry.instrumentation.openai import OpenAIInstrumentor

p = provider()
OpenAIInstrumentor().instrument(tracer_provider=p)
AnthropicInstrumentor().instrument(tracer_provider=p)

record("openllmetry-openai", "openllmetry_sdks.py", "openai", OPENAI, p.force_flush, lambda _, c: openai_call(c),
       ("opentelemetry-instrumentation-openai", "openai"))
record("openllmetry-anthropic", "openllmetry_sdks.py", "anthropic", ANTHROPIC, p.force_flush, lambda _, c: anthropic_call(c),
       ("opentelemetry-instrumentation-anthropic", "anthropic"))
