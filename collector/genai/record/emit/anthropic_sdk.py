"""Anthropic's Python SDK, which writes a span per API call by itself once a tracer provider is set; then the same together with
OpenLLMetry's instrumentation and with OpenInference's, as an application has it that installs one without switching off the other:
two spans tell of one call."""

from common import ANTHROPIC, anthropic_call, provider, record

p = provider()
record("anthropic-sdk", "anthropic_sdk.py", "anthropic", ANTHROPIC, p.force_flush, lambda _, c: anthropic_call(c), ("anthropic",))

from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor

twice = ["messages", "messages-cache-1h", "messages-stream", "messages-tools", "messages-overloaded"]
instrumentor = AnthropicInstrumentor()
instrumentor.instrument(tracer_provider=p)
record("anthropic-sdk-and-openllmetry", "anthropic_sdk.py", "anthropic", twice, p.force_flush, lambda _, c: anthropic_call(c),
       ("anthropic", "opentelemetry-instrumentation-anthropic"), "two instrumentations report every call")
instrumentor.uninstrument()

from openinference.instrumentation.anthropic import AnthropicInstrumentor as OpenInferenceInstrumentor

OpenInferenceInstrumentor().instrument(tracer_provider=p)
record("anthropic-sdk-and-openinference", "anthropic_sdk.py", "anthropic", twice, p.force_flush, lambda _, c: anthropic_call(c),
       ("anthropic", "openinference-instrumentation-anthropic"), "two instrumentations report every call")
