"""Google's client under OpenTelemetry's own instrumentation, OpenLLMetry's and OpenInference's, one after the other."""

from common import GOOGLE, google_call, provider, record

p = provider()


def under(instrumentor, emitter, *packages):
    instrumentor.instrument(tracer_provider=p)
    record(emitter, "google_sdks.py", "google", GOOGLE, p.force_flush, lambda _, c: google_call(c), (*packages, "google-genai"))
    instrumentor.uninstrument()


from openinference.instrumentation.google_genai import GoogleGenAIInstrumentor

under(GoogleGenAIInstrumentor(), "openinference-google", "openinference-instrumentation-google-genai")

from opentelemetry.instrumentation.google_generativeai import GoogleGenerativeAiInstrumentor

under(GoogleGenerativeAiInstrumentor(), "openllmetry-google", "opentelemetry-instrumentation-google-generativeai")

from opentelemetry.instrumentation.google_genai import GoogleGenAiSdkInstrumentor

under(GoogleGenAiSdkInstrumentor(), "otel-google-genai", "opentelemetry-instrumentation-google-genai")
