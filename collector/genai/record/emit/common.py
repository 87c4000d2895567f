"""What the Python emitters share: the clients, the calls of each case, and the steps of a recording."""

import http.client
import importlib
import importlib.metadata
import json
import os
from urllib.parse import urlsplit

URL = os.environ["RECORD_URL"]
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def ask(path, doc=None):
    """One step of the recording; over http.client, which no emitter instruments."""
    connection = http.client.HTTPConnection(urlsplit(URL).netloc)
    connection.request("GET" if doc is None else "POST", path, json.dumps(doc) if doc is not None else None)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{path}: {answer.status} {body}")
    return json.loads(body)


CASES = ask("/_cases")


def provider(tracing=None):
    """A tracer provider of the OpenTelemetry SDK that exports over OTLP/HTTP, set as the global one."""
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    p = tracing or TracerProvider()
    p.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(p)
    return p


def redirect(sdk, asynchronous=False):
    """An HTTP client for the SDK that reaches the model server under the provider's real name, so that spans look as in
    production."""
    httpx = importlib.import_module("httpx2" if hasattr(sdk._base_client, "httpx2") else "httpx")
    to = urlsplit(URL)

    def there(request):
        request.url = request.url.copy_with(scheme="http", host=to.hostname, port=to.port)
        return request

    class Redirect(httpx.HTTPTransport):
        def handle_request(self, request):
            return super().handle_request(there(request))

    class AsyncRedirect(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request):
            return await super().handle_async_request(there(request))

    if asynchronous:
        return sdk.DefaultAsyncHttpxClient(transport=AsyncRedirect())
    return sdk.DefaultHttpxClient(transport=Redirect())


def openai_client(retries=0):
    import openai

    return openai.OpenAI(api_key="none", max_retries=retries, http_client=redirect(openai))


def anthropic_client(retries=0):
    import anthropic

    return anthropic.Anthropic(api_key="none", max_retries=retries, http_client=redirect(anthropic))


def versions(*packages):
    return {p: importlib.metadata.version(p) for p in packages} | {"opentelemetry-sdk": importlib.metadata.version("opentelemetry-sdk")}


def record(emitter, script, provider_name, names, flush, call, packages, note=""):
    """Records each case: begin, call, flush, end. Errors of the model server are part of a case; others end the run."""
    for name in names:
        if name not in CASES:
            continue  # ONLY names others
        info = {"emitter": emitter, "case": name, "script": script, "provider": provider_name, "versions": versions(*packages), "note": note}
        ask("/_begin", info)
        try:
            call(name, CASES[name])
        except Exception as err:
            aws = getattr(err, "response", None)
            status = aws["ResponseMetadata"]["HTTPStatusCode"] if isinstance(aws, dict) else getattr(err, "status_code", getattr(err, "code", None))
            if status not in (429, 500, 529):
                raise
        flush()
        ask("/_end", {})
        print(f"  {emitter}/{name}")


# --- the calls --------------------------------------------------------------------------------------------------------


def openai_call(case):
    """The requests of a case through OpenAI's client."""
    client = openai_client(case["retries"])
    if case["api"] == "embeddings":
        client.embeddings.create(model=case["model"], input="Where is my parcel?")
        return
    if case["api"] == "responses":
        answer = client.responses.create(model=case["model"], input="Say done.", stream=case["stream"])
        if case["stream"]:
            for _ in answer:
                pass
        return
    messages = [{"role": "user", "content": "Say done."}]
    more = {}
    if case["tier"]:
        more["service_tier"] = case["tier"]
    if any(a["tool"] for a in case["answers"]):
        more["tools"] = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]
    if case["stream"]:
        more["stream"] = True
        if case["stream_usage"]:
            more["stream_options"] = {"include_usage": True}
    for _ in range(len(case["answers"]) - case["retries"]):
        answer = client.chat.completions.create(model=case["model"], messages=messages, **more)
        if case["stream"]:
            for n, _ in enumerate(answer):
                if case["abandon"] and n == 1:
                    answer.close()
                    break
            return
        message = answer.choices[0].message
        if message.tool_calls:
            messages += [message.model_dump(exclude_none=True),
                         {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "Sunny."}]


def anthropic_call(case):
    """The requests of a case through Anthropic's client."""
    client = anthropic_client(case["retries"])
    messages = [{"role": "user", "content": "Say done."}]
    more = {}
    if any(a["tool"] for a in case["answers"]):
        more["tools"] = [{"name": "weather", "input_schema": WEATHER}]
    if any(a["thinking"] for a in case["answers"]):
        more["thinking"] = {"type": "enabled", "budget_tokens": 1024}
    for _ in case["answers"]:
        if case["stream"]:
            for _ in client.messages.create(model=case["model"], max_tokens=2000, messages=messages, stream=True, **more):
                pass
            return
        answer = client.messages.create(model=case["model"], max_tokens=2000, messages=messages, **more)
        if answer.stop_reason == "tool_use":
            messages += [{"role": "assistant", "content": [b.model_dump(exclude_none=True) for b in answer.content]},
                         {"role": "user", "content": [{"type": "tool_result", "tool_use_id": answer.content[0].id, "content": "Sunny."}]}]


def google_call(case):
    """The requests of a case through Google's client."""
    from google import genai
    from google.genai import types

    client = genai.Client(api_key="none", http_options=types.HttpOptions(base_url=URL))
    contents = [types.Content(role="user", parts=[types.Part(text="Say done.")])]
    config = types.GenerateContentConfig()
    if any(a["tool"] for a in case["answers"]):
        weather = types.FunctionDeclaration(name="weather", parameters_json_schema=WEATHER)
        config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[weather])])
    for _ in case["answers"]:
        if case["stream"]:
            for _ in client.models.generate_content_stream(model=case["model"], contents=contents, config=config):
                pass
            return
        answer = client.models.generate_content(model=case["model"], contents=contents, config=config)
        if answer.function_calls:
            contents += [answer.candidates[0].content,
                         types.Content(role="user", parts=[types.Part.from_function_response(name="weather", response={"result": "Sunny."})])]


def bedrock_call(case):
    """The requests of a case through AWS's client."""
    import boto3
    from botocore.config import Config

    client = boto3.client("bedrock-runtime", endpoint_url=URL, region_name="eu-west-1", aws_access_key_id="none", aws_secret_access_key="none",
                          config=Config(retries={"total_max_attempts": 1}))
    messages = [{"role": "user", "content": [{"text": "Say done."}]}]
    more = {}
    if any(a["tool"] for a in case["answers"]):
        more["toolConfig"] = {"tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": WEATHER}}}]}
    for _ in case["answers"]:
        if case["stream"]:
            for _ in client.converse_stream(modelId=case["model"], messages=messages)["stream"]:
                pass
            return
        message = client.converse(modelId=case["model"], messages=messages, **more)["output"]["message"]
        if asked := message["content"][0].get("toolUse"):
            messages += [message, {"role": "user", "content": [{"toolResult": {"toolUseId": asked["toolUseId"], "content": [{"text": "Sunny."}]}}]}]


OPENAI = [n for n, c in CASES.items() if c["api"] in ("chat", "embeddings", "responses") and not n.startswith("agent")]
ANTHROPIC = [n for n, c in CASES.items() if c["api"] == "messages" and not n.startswith("agent")]
BEDROCK = [n for n, c in CASES.items() if c["api"] == "converse" and not n.startswith("agent")]
GOOGLE = [n for n, c in CASES.items() if c["api"] == "generate" and not n.startswith("agent")]
