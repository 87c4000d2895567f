"""AWS's client for Bedrock under OpenLLMetry, OpenInference and OpenTelemetry's botocore: one instrumentation at a time."""

from common import BEDROCK, bedrock_call, provider, record
from openinference.instrumentation.bedrock import BedrockInstrumentor as Arize
from opentelemetry.instrumentation.bedrock import BedrockInstrumentor as Traceloop
from opentelemetry.instrumentation.botocore import BotocoreInstrumentor

p = provider()
for emitter, instrumentor, package in (
    ("openllmetry-bedrock", Traceloop(), "opentelemetry-instrumentation-bedrock"),
    ("openinference-bedrock", Arize(), "openinference-instrumentation-bedrock"),
    ("otel-botocore", BotocoreInstrumentor(), "opentelemetry-instrumentation-botocore"),
):
    instrumentor.instrument(tracer_provider=p)
    record(emitter, "bedrock_sdks.py", "aws.bedrock", BEDROCK, p.force_flush, lambda name, case: bedrock_call(case), (package, "boto3"))
    instrumentor.uninstrument()
