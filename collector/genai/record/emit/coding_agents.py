"""Coding agents: Claude Code, Codex and Gemini CLI, each run once per case with its own telemetry, as its documentation says.

They tell of their calls in log events; with_spans adds the spans that they write where those are asked for.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

from common import CASES, URL, ask

AGENTS = pathlib.Path(sys.argv[1])  # the folder with the packages of env/agents
PACKAGES = {"claude": "@anthropic-ai/claude-code", "codex": "@openai/codex", "gemini": "@google/gemini-cli"}
ASK = "Say done."


def version(program):
    package = PACKAGES[program]
    return {package: json.loads((AGENTS / "node_modules" / package / "package.json").read_text())["version"]}


def start(program):
    """The command that starts an agent. Claude Code's own program is put in its place by a script after the installation, which isn't run here."""
    if program == "claude":
        return ["node", str(AGENTS / "node_modules" / PACKAGES[program] / "cli-wrapper.cjs")]
    return [str(AGENTS / "node_modules" / ".bin" / program)]


def claude(case, signals):
    env = {
        "ANTHROPIC_BASE_URL": URL, "ANTHROPIC_API_KEY": "none", "CLAUDE_CODE_MAX_RETRIES": "0", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_ENABLE_TELEMETRY": "1", "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1", "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "otlp" if "logs" in signals else "none", "OTEL_TRACES_EXPORTER": "otlp" if "traces" in signals else "none",
        "OTEL_EXPORTER_OTLP_ENDPOINT": URL, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    }
    return env, ["claude", "-p", ASK, "--model", case["served"] or case["model"]]


def codex(case, signals, home):
    otlp = '{{ otlp-http = {{ endpoint = "{}/v1/{}", protocol = "binary" }} }}'
    (home / ".codex").mkdir()
    (home / ".codex" / "config.toml").write_text("\n".join([
        f'model = "{case["model"]}"', 'model_provider = "recorder"',
        "[model_providers.recorder]", 'name = "recorder"', f'base_url = "{URL}/v1"', 'env_key = "OPENAI_API_KEY"', 'wire_api = "responses"',
        "request_max_retries = 0", "stream_max_retries = 0",
        "[otel]", "exporter = " + otlp.format(URL, "logs"),
        "trace_exporter = " + (otlp.format(URL, "traces") if "traces" in signals else '"none"'), 'metrics_exporter = "none"', ""]))
    # It doesn't wait for its events when a call fails: what was sent by then is all there is.
    return {"OPENAI_API_KEY": "none", "OTEL_BLRP_SCHEDULE_DELAY": "20"}, ["codex", "exec", "--skip-git-repo-check", ASK]


def gemini(case, signals, home):
    (home / ".gemini").mkdir()
    telemetry = {"enabled": True, "target": "local", "useCollector": True, "otlpProtocol": "http", "otlpEndpoint": URL, "logPrompts": False,
                 "traces": "traces" in signals}
    (home / ".gemini" / "settings.json").write_text(json.dumps({
        "security": {"auth": {"selectedType": "gemini-api-key"}}, "telemetry": telemetry}))
    env = {"GEMINI_API_KEY": "none", "GOOGLE_GEMINI_BASE_URL": URL, "GEMINI_CLI_TRUST_WORKSPACE": "true"}
    return env, ["gemini", "-p", ASK, "-m", case["model"]]


def record(emitter, program, provider, names, signals):
    for name in names:
        if name not in CASES:
            continue  # ONLY names others
        case = CASES[name]
        ask("/_begin", {"emitter": emitter, "case": name, "script": "coding_agents.py", "provider": provider, "versions": version(program),
                        "signals": signals, "note": case["note"]})
        with tempfile.TemporaryDirectory() as folder:
            home, work = pathlib.Path(folder) / "home", pathlib.Path(folder) / "work"
            home.mkdir(), work.mkdir()
            more, command = claude(case, signals) if program == "claude" else {"codex": codex, "gemini": gemini}[program](case, signals, home)
            env = {"PATH": os.environ["PATH"], "HOME": str(home), "OTEL_RESOURCE_ATTRIBUTES": os.environ["OTEL_RESOURCE_ATTRIBUTES"]} | more
            command[:1] = start(command[0])
            done = subprocess.run(command, env=env, cwd=work, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180)
            if done.returncode != 0 and all(a["status"] == 200 for a in case["answers"]):
                raise RuntimeError(f"{emitter}/{name}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        ask("/_end", {})
        print(f"  {emitter}/{name}")


MESSAGES = ["messages", "messages-stream", "messages-cache-1h", "messages-thinking", "messages-tools", "messages-long-context", "agent-messages-refused"]
RESPONSES = ["responses", "responses-stream", "responses-cache-write", "agent-responses-refused"]
GENERATE = ["generate", "generate-cached", "generate-thinking", "generate-stream", "agent-generate-refused"]

record("claude-code", "claude", "anthropic", MESSAGES, ["logs"])
record("claude-code-spans", "claude", "anthropic", MESSAGES, ["traces"])
record("claude-code-with-spans", "claude", "anthropic", MESSAGES, ["logs", "traces"])
record("codex", "codex", "openai", RESPONSES, ["logs"])
record("codex-with-spans", "codex", "openai", ["responses"], ["logs", "traces"])
record("gemini-cli", "gemini", "gcp.gemini", GENERATE, ["logs"])
record("gemini-cli-with-spans", "gemini", "gcp.gemini", ["generate-cached", "generate-thinking"], ["logs", "traces"])
