"""Records real instrumentations: runs each emitter against the model server, keeps the spans it exports and what was billed.

One process serves three things on one local port: the providers' APIs (modelserver.py), an OTLP/HTTP receiver, and the two
steps of a recording. An emitter asks POST /_begin {case, …}, makes its calls, flushes its spans, and asks POST /_end, upon
which two files are written: <emitter>/<case>.otlp.json, the spans exactly as they were sent, in OTLP's JSON form, and
<emitter>/<case>.truth.json, what was billed and how it was recorded.
"""

import base64
import dataclasses
import datetime
import gzip
import json
import os
import pathlib
import re
import secrets
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import modelserver
import prices
import shorten
from cases import CASES

HERE = pathlib.Path(__file__).parent
OUT = pathlib.Path(os.environ["RECORD_OUT"])


class Recording:
    """The state of the case being recorded. Requests come one after the other, except for a client's background export."""

    def __init__(self, emitter, name, info):
        self.emitter, self.name, self.info = emitter, name, info
        self.case = CASES[name]
        self.billed, self.requests, self.exports, self.events = [], 0, [], []

    def answer(self):
        """The next answer of the case, billed as it is given: the provider's invoice doesn't depend on who listens."""
        last = self.case.answers[-1]
        if self.requests >= len(self.case.answers):
            if last.status == 200:
                raise ValueError(f"{self.emitter}/{self.name}: request {self.requests + 1} of {len(self.case.answers)}")
            return last  # a refusal stays one, however often it is asked for
        answer = self.case.answers[self.requests]
        self.requests += 1
        if answer.status == 200:
            self.billed.append({"model": self.case.served or self.case.model, "service_tier": answer.tier, "usage": answer.usage,
                                "usd": prices.usd(self.case.model, answer.usage, answer.tier)})
        return answer

    def write(self):
        if self.requests != len(self.case.answers):
            raise ValueError(f"{self.emitter}/{self.name}: {self.requests} requests, expected {len(self.case.answers)}")
        sent = {"resourceSpans": [r for e in self.exports for r in otlp_json(e)["resourceSpans"]]}
        signals = self.info.get("signals", ["traces"])
        if "logs" in signals:
            sent["resourceLogs"] = [r for e in self.events for r in otlp_json(e, ExportLogsServiceRequest)["resourceLogs"]]
        if "signals" in self.info:
            shorten.shorten(sent)
        if "traces" not in signals:
            del sent["resourceSpans"]
        if missing := [signal for signal, found in sent.items() if not found]:
            raise ValueError(f"{self.emitter}/{self.name}: no {missing} arrived")
        truth = {
            "emitter": self.emitter, "versions": self.info["versions"], "provider": self.info["provider"], "case": self.name,
            "note": self.case.note or self.info.get("note", ""), "billed": self.billed,
            "prices": "list prices checked 2026-11-22; see record/prices.py",
            "recorded": f"by record/run, record/emit/{self.info['script']} against record/modelserver.py",
            "when": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        folder = OUT / self.emitter
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.name}.otlp.json").write_text(json.dumps(sent, indent=1, ensure_ascii=False) + "\n")
        (folder / f"{self.name}.truth.json").write_text(json.dumps(truth, indent=2, ensure_ascii=False) + "\n")


# The part of a path that says where this machine keeps things; stack traces are full of them.
MACHINE = re.compile(r"(?:file://)?(?:/[\w.@+-]+)+/(?=(?:site-packages|node_modules|lib/python[\d.]+|emit|[\w.-]+\.[cm]js)\b)")


def otlp_json(body, message=ExportTraceServiceRequest):
    """OTLP's JSON form: like protobuf's, but ids are hexadecimal and enums are numbers. Paths of this machine are cut."""
    told = body.startswith(b"{")  # in this form already; no protobuf of these messages begins so
    doc = json.loads(body) if told else MessageToDict(message.FromString(body), use_integers_for_enums=True)

    def ids(node):
        if isinstance(node, list):
            for item in node:
                ids(item)
        elif isinstance(node, dict):
            for key, value in node.items():
                if key in ("traceId", "spanId", "parentSpanId"):
                    node[key] = value if told else base64.b64decode(value).hex()
                elif isinstance(value, str):
                    node[key] = MACHINE.sub("", value)
                else:
                    ids(value)

    ids(doc)
    return doc


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    lock = threading.Lock()
    current = None

    def log_message(self, *_):
        pass

    def send(self, status, content_type, chunks, headers=()):
        body = b"".join(chunks)
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def json(self, status, doc, headers=()):
        self.send(status, "application/json", [json.dumps(doc).encode()], headers)

    def do_GET(self):
        if self.path == "/_spans":
            docs = [otlp_json(e) for e in Handler.current.exports]
            names = [s["name"] for d in docs for r in d["resourceSpans"] for sc in r["scopeSpans"] for s in sc["spans"]]
            return self.json(200, {"names": names})
        only = os.environ.get("ONLY", "").split()
        self.json(200, {name: dataclasses.asdict(c) for name, c in CASES.items() if not only or name in only})

    def do_POST(self):
        body = self.body()
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        try:
            with Handler.lock:
                self.post(body)
        except Exception as err:  # tell the emitter, which then fails by itself
            print("recorder:", repr(err), file=sys.stderr)
            self.json(400, {"error": {"message": str(err), "type": "recorder"}})

    def post(self, body):
        if self.path == "/_begin":
            info = json.loads(body)
            Handler.current = Recording(info["emitter"], info["case"], info)
            return self.json(200, {})
        if self.path == "/_end":
            Handler.current.write()
            Handler.current = None
            return self.json(200, {})
        if self.path.endswith("/v1/traces"):
            if Handler.current:
                Handler.current.exports.append(body)
            return self.send(200, "application/x-protobuf", [b""])
        if self.path == "/v1/logs" and Handler.current:
            Handler.current.events.append(body)
        if self.path in ("/v1/logs", "/v1/metrics"):  # some emitters send them whether asked or not
            return self.send(200, "application/x-protobuf", [b""])
        api = modelserver.api_of(self.path)
        if api is None or Handler.current is None:
            return self.json(404, {"error": {"message": f"no such path {self.path}"}})
        answer = Handler.current.answer()
        limits = [("x-request-id", "req_recorded")]
        if api == "messages":
            limits.append(("request-id", "req_" + secrets.token_hex(12)))  # Anthropic's name for it
        if answer.status != 200:
            if api == "converse":
                limits.append(("x-amzn-errortype", {429: "ThrottlingException"}.get(answer.status, "InternalServerException")))
            return self.json(answer.status, modelserver.error(api, answer.status), limits + [("retry-after-ms", "1")])
        content_type, chunks = modelserver.reply(Handler.current.case, answer, api, json.loads(body), self.path)
        self.send(200, content_type, chunks, limits)


def main():
    """record.py COMMAND… runs the command with the server's address in RECORD_URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    env = os.environ | {
        "RECORD_URL": url,
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_SERVICE_NAME": "assistant",
        "OTEL_RESOURCE_ATTRIBUTES": "tenant.id=recordings,deployment.environment.name=recording",
        "OPENAI_API_KEY": "none", "ANTHROPIC_API_KEY": "none", "GOOGLE_API_KEY": "none", "NO_PROXY": "*",
    }
    sys.exit(subprocess.run(sys.argv[1:], env=env).returncode)


if __name__ == "__main__":
    main()
