"""LiteLLM as a gateway: its proxy with the OpenTelemetry callback (or, with LITELLM_OTEL_V2=true, with the second version of it),
alone, and behind an OpenAI client that OpenLLMetry instruments, so that both report every call in one trace."""

import contextlib
import http.client
import os
import pathlib
import secrets
import socket
import subprocess
import sys
import tempfile
import time

from common import CASES, URL, WEATHER, ask, provider, record

V2 = os.environ.get("LITELLM_OTEL_V2") == "true"
NAME = "litellm-proxy-v2" if V2 else "litellm-proxy"
KEY = "sk-" + secrets.token_hex(24)  # the proxy refuses to start without a strong one
MODELS = sorted({(c["model"], c["api"]) for c in CASES.values() if c["api"] in ("chat", "embeddings", "messages")})


def config():
    """One model group per model: OpenAI's and Anthropic's, all served by the model server."""
    lines = ["model_list:"]
    for model, api in MODELS:
        prefix, base = ("anthropic", URL) if api == "messages" else ("openai", URL + "/v1")
        lines += [f"  - model_name: {model}", "    litellm_params:", f"      model: {prefix}/{model}", f"      api_base: {base}",
                  "      api_key: none", "      max_retries: 0"]
    return "\n".join(lines + ["litellm_settings:", "  callbacks: [otel]", "  num_retries: 0", "router_settings:", "  num_retries: 0",
                              "  disable_cooldowns: true", ""])


@contextlib.contextmanager
def proxy():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "config.yaml")
        path.write_text(config())
        env = os.environ | {
            "OTEL_EXPORTER": "otlp_http", "OTEL_ENDPOINT": URL + "/v1/traces", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "OTEL_SERVICE_NAME": "gateway",
            "LITELLM_TELEMETRY": "False", "DISABLE_ADMIN_UI": "True", "OTEL_BSP_SCHEDULE_DELAY": "50", "PYTHONPATH": "", "LITELLM_MASTER_KEY": KEY,
        }
        log = open(os.environ.get("PROXY_LOG", os.devnull), "w")
        run = subprocess.Popen([str(pathlib.Path(sys.executable).parent / "litellm"), "--config", str(path), "--port", str(port), "--host", "127.0.0.1"],
                               env=env, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 120
            while True:
                with contextlib.suppress(OSError):
                    connection = http.client.HTTPConnection("127.0.0.1", port)
                    connection.request("GET", "/health/liveliness")
                    if connection.getresponse().status == 200:
                        break
                if run.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("the proxy doesn't start; set PROXY_LOG to see why")
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            run.terminate()
            run.wait(30)


def calls(base):
    """The requests of a case through OpenAI's client to the proxy."""
    import openai

    def call(name, case):
        pending.append(len(case["answers"]))
        client = openai.OpenAI(api_key=KEY, base_url=base, max_retries=0)
        if case["api"] == "embeddings":
            client.embeddings.create(model=case["model"], input="Where is my parcel?", encoding_format="float")
            return
        more = {}
        if any(a["tool"] for a in case["answers"]):
            more["tools"] = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]
        if case["stream"]:
            more["stream"] = True
            if case["stream_usage"]:
                more["stream_options"] = {"include_usage": True}
        messages = [{"role": "user", "content": "Say done."}]
        for _ in case["answers"]:
            answer = client.chat.completions.create(model=case["model"], messages=messages, **more)
            if case["stream"]:
                for _ in answer:
                    pass
                return
            message = answer.choices[0].message
            if message.tool_calls:
                messages += [message.model_dump(exclude_none=True),
                             {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "Sunny."}]

    return call


pending = []  # requests of the case under way


def flush():
    """The proxy exports in the background: a server span ends every request of ours."""
    want, deadline = pending.pop(), time.monotonic() + 30
    while True:
        if p:
            p.force_flush()
        names = ask("/_spans")["names"]
        if sum(n in ("Received Proxy Server Request", "POST /v1/chat/completions", "POST /v1/embeddings", "POST /chat/completions", "POST /embeddings") for n in names) >= want:
            time.sleep(0.3)  # the spans of the same export interval
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"the proxy wrote no server span within 30 s, only {names}")
        time.sleep(0.05)


p = None
openai_cases = ["chat", "chat-cached", "chat-reasoning", "chat-tools", "chat-stream", "chat-stream-no-usage", "chat-rate-limited", "embeddings"]
anthropic_cases = ["messages", "messages-cache-1h", "messages-stream", "messages-overloaded"]
with proxy() as base:
    for suffix, packages in (("", ("litellm", "openai")), ("-and-openllmetry", ("litellm", "openai", "opentelemetry-instrumentation-openai"))):
        if suffix:
            from opentelemetry.instrumentation.openai import OpenAIInstrumentor

            p = provider()
            OpenAIInstrumentor().instrument(tracer_provider=p)
        record(NAME + suffix, "litellm_proxy.py", "openai", openai_cases, flush, calls(base), packages)
        record(NAME + suffix, "litellm_proxy.py", "anthropic", anthropic_cases, flush, calls(base), packages)
