"""OpenLLMetry with Traceloop's decorators: a workflow and a task above the calls, as the Traceloop SDK sets it up."""

import os

os.environ |= {"TRACELOOP_TELEMETRY": "false", "TRACELOOP_METRICS_ENABLED": "false", "TRACELOOP_LOGGING_ENABLED": "false",
               "ANTHROPIC_OPEN_TELEMETRY": "false"}

from common import anthropic_call, openai_call, record
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from traceloop.sdk import Traceloop
from traceloop.sdk.decorators import task, workflow
from traceloop.sdk.instruments import Instruments

Traceloop.init(app_name="assistant", exporter=OTLPSpanExporter(), instruments={Instruments.OPENAI, Instruments.ANTHROPIC},
               resource_attributes={"tenant.id": "recordings", "deployment.environment.name": "recording"})
Traceloop.set_association_properties({"user_id": "user-7", "session_id": "session-42"})


@task(name="answer")
def answer(name, case):
    (openai_call if name == "agent" else anthropic_call)(case)


@workflow(name="assistant")
def assistant(name, case):
    answer(name, case)


flush = trace.get_tracer_provider().force_flush
record("openllmetry-workflow", "openllmetry_workflow.py", "openai", ["agent"], flush, assistant,
       ("traceloop-sdk", "opentelemetry-instrumentation-openai", "openai"))
record("openllmetry-workflow", "openllmetry_workflow.py", "anthropic", ["agent-messages"], flush, assistant,
       ("traceloop-sdk", "opentelemetry-instrumentation-anthropic", "anthropic"))
