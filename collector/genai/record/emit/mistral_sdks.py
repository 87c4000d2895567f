"""Mistral's client, which traces itself wherever a tracer provider is set, alone and under OpenLLMetry."""

from common import CASES, URL, WEATHER, provider, record
from opentelemetry.instrumentation.mistralai import MistralAiInstrumentor

p = provider()


def call(name, case):
    from mistralai import Mistral

    client = Mistral(api_key="none", server_url=URL)
    messages = [{"role": "user", "content": "Say done."}]
    more = {}
    if any(a["tool"] for a in case["answers"]):
        more["tools"] = [{"type": "function", "function": {"name": "weather", "description": "The weather.", "parameters": WEATHER}}]
    for _ in case["answers"]:
        if case["stream"]:
            for _ in client.chat.stream(model=case["model"], messages=messages):
                pass
            return
        message = client.chat.complete(model=case["model"], messages=messages, **more).choices[0].message
        if message.tool_calls:
            messages += [message, {"role": "tool", "name": "weather", "tool_call_id": message.tool_calls[0].id, "content": "Sunny."}]


names = [n for n, c in CASES.items() if c["api"] == "mistral"]
whole = [n for n in names if not CASES[n]["stream"]]  # it tells nothing of a stream
record("mistral-sdk", "mistral_sdks.py", "mistral_ai", whole, p.force_flush, call, ("mistralai",))
MistralAiInstrumentor().instrument(tracer_provider=p)
record("mistral-sdk-and-openllmetry", "mistral_sdks.py", "mistral_ai", names, p.force_flush, call,
       ("opentelemetry-instrumentation-mistralai", "mistralai"), "two instrumentations report every call but streams")
