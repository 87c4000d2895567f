"""OpenInference for Python: its OpenAI and Anthropic instrumentations, and an agent span above them as its helpers write it.

Anthropic's SDK writes spans of its own by default; they are off here, and recorded by anthropic_sdk.py.
"""

import os

os.environ["ANTHROPIC_OPEN_TELEMETRY"] = "false"

from common import ANTHROPIC, OPENAI, anthropic_call, openai_call, provider, record
from openinference.instrumentation import TracerProvider
from openinference.instrumentation.anthropic import AnthropicInstrumentor
from openinference.instrumentation.openai import OpenAIInstrumentor

p = provider(TracerProvider())
OpenAIInstrumentor().instrument(tracer_provider=p)
AnthropicInstrumentor().instrument(tracer_provider=p)
tracer = p.get_tracer("assistant")


def under_agent(call):
    def run(name, case):
        if not name.startswith("agent"):
            return call(case)
        with tracer.start_as_current_span("assistant", openinference_span_kind="agent") as span:
            span.set_input("Say done.")
            call(case)
            span.set_output("Done.")

    return run


record("openinference-openai", "openinference_sdks.py", "openai", OPENAI + ["agent"], p.force_flush, under_agent(openai_call),
       ("openinference-instrumentation-openai", "openinference-semantic-conventions", "openai"))
record("openinference-anthropic", "openinference_sdks.py", "anthropic", ANTHROPIC + ["agent-messages"], p.force_flush,
       under_agent(anthropic_call), ("openinference-instrumentation-anthropic", "openinference-semantic-conventions", "anthropic"))
