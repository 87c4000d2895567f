"""OpenLIT, which sets up its own tracer provider and instruments what it finds."""

import json
import os
import tempfile

import openlit
from common import ANTHROPIC, OPENAI, anthropic_call, openai_call, record
from opentelemetry import trace

# OpenLIT fetches its price list at start; this one stands for it (USD per thousand tokens, no prices for cached ones).
PRICES = {"chat": {m: {"promptPrice": i, "completionPrice": o} for m, i, o in (
    ("gpt-4o", 0.0025, 0.01), ("gpt-4o-mini", 0.00015, 0.0006), ("gpt-5-mini", 0.00025, 0.002), ("o4-mini", 0.0011, 0.0044),
    ("claude-haiku-4-5", 0.001, 0.005), ("claude-sonnet-4-5", 0.003, 0.015))}, "embeddings": {"text-embedding-3-small": 0.00002}}
prices = tempfile.NamedTemporaryFile("w", suffix=".json")
json.dump(PRICES, prices)
prices.flush()

openlit.init(pricing_json=prices.name, otlp_endpoint=os.environ["RECORD_URL"], service_name="assistant", environment="recording",
             disable_metrics=True)


def flush():
    trace.get_tracer_provider().force_flush()


# Of a stream that is hung up on OpenLIT writes no span at all, so there is nothing to record.
record("openlit-openai", "openlit_sdks.py", "openai", [n for n in OPENAI if n != "chat-stream-abandoned"], flush, lambda _, c: openai_call(c), ("openlit", "openai"))
record("openlit-anthropic", "openlit_sdks.py", "anthropic", ANTHROPIC, flush, lambda _, c: anthropic_call(c), ("openlit", "anthropic"))
