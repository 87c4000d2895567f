"""Pydantic AI: the spans it writes itself, a run of an agent above its requests. Anthropic's SDK writes spans of its own by
default; they are off here, and recorded by anthropic_sdk.py."""

import os

os.environ["ANTHROPIC_OPEN_TELEMETRY"] = "false"

import anthropic
import openai
from common import CASES, provider, record, redirect
from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.instrumented import InstrumentationSettings
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider

p = provider()
Agent.instrument_all(InstrumentationSettings(tracer_provider=p))


def model_of(case):
    if case["api"] == "messages":
        client = anthropic.AsyncAnthropic(api_key="none", max_retries=case["retries"], http_client=redirect(anthropic, True))
        return AnthropicModel(case["model"], provider=AnthropicProvider(anthropic_client=client))
    client = openai.AsyncOpenAI(api_key="none", max_retries=case["retries"], http_client=redirect(openai, True))
    of = OpenAIResponsesModel if case["api"] == "responses" else OpenAIChatModel
    return of(case["model"], provider=OpenAIProvider(openai_client=client))


def call(name, case):
    agent = Agent(model_of(case), name="assistant")
    if any(a["tool"] for a in case["answers"]):
        agent.tool_plain(weather)
    if case["stream"]:
        answer = agent.run_stream_sync("Say done.")
        for _ in answer.stream_text():
            pass
        return
    agent.run_sync("Say done.")


def weather(city: str) -> str:
    return "Sunny."


skip = {"chat-audio", "chat-flex", "chat-priority", "chat-priority-downgraded", "chat-stream-no-usage", "chat-stream-abandoned"}
for emitter, side, apis in (("pydantic-ai-openai", "openai", ("chat", "responses")), ("pydantic-ai-anthropic", "anthropic", ("messages",))):
    names = [n for n, c in CASES.items() if c["api"] in apis and n not in skip and not n.endswith("-refused")]
    record(emitter, "pydantic_agents.py", side, names, p.force_flush, call, ("pydantic-ai-slim", side))
