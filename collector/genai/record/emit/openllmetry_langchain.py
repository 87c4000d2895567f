"""OpenLLMetry's LangChain instrumentation together with its OpenAI one: two layers that could report one call."""

from common import WEATHER, provider, record, redirect
from opentelemetry.instrumentation.langchain import LangchainInstrumentor
from opentelemetry.instrumentation.openai import OpenAIInstrumentor

p = provider()
OpenAIInstrumentor().instrument(tracer_provider=p)
LangchainInstrumentor().instrument(tracer_provider=p)

import openai
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.runnables import RunnableLambda
from langchain_openai import ChatOpenAI


def call(name, case):
    model = ChatOpenAI(model=case["model"], api_key="none", max_retries=case["retries"], http_client=redirect(openai),
                       stream_usage=case["stream_usage"])
    if case["stream"]:
        for _ in model.stream("Say done."):
            pass
        return
    if not any(a["tool"] for a in case["answers"]):
        model.invoke("Say done.")
        return

    def agent(question):
        bound = model.bind_tools([{"title": "weather", "description": "The weather.", **WEATHER}])
        messages = [HumanMessage(question)]
        for _ in case["answers"]:
            messages.append(bound.invoke(messages))
            for asked in messages[-1].tool_calls:
                messages.append(ToolMessage("Sunny.", tool_call_id=asked["id"]))
        return messages[-1].content

    RunnableLambda(agent, name="assistant").invoke("Say done.")


names = ["chat", "chat-cached", "chat-reasoning", "chat-stream", "chat-stream-no-usage", "chat-server-error", "agent"]
record("openllmetry-langchain", "openllmetry_langchain.py", "openai", names, p.force_flush, call,
       ("opentelemetry-instrumentation-langchain", "opentelemetry-instrumentation-openai", "langchain-core", "langchain-openai", "openai"))
