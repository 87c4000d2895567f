"""OpenInference's instrumentations of LangChain and LiteLLM: alone, and with its instrumentation of OpenAI's client beneath, so that
two layers report every call, one as the child of the other."""

import os

os.environ |= {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False"}

from common import URL, WEATHER, provider, record, redirect
from openinference.instrumentation.langchain import LangChainInstrumentor
from openinference.instrumentation.litellm import LiteLLMInstrumentor
from openinference.instrumentation.openai import OpenAIInstrumentor

p = provider()

import litellm
import openai
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.runnables import RunnableLambda
from langchain_openai import ChatOpenAI


def langchain(name, case):
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


def by_litellm(name, case):
    more = {"num_retries": 0, "max_retries": 0, "api_key": "none"}
    prefix = "anthropic/" if case["api"] == "messages" else "openai/"
    more["api_base"] = URL if case["api"] == "messages" else URL + "/v1"
    if case["api"] == "embeddings":
        litellm.embedding(model=prefix + case["model"], input=["Where is my parcel?"], **more)
        return
    if case["stream"]:
        more |= {"stream": True, "stream_options": {"include_usage": True}} if case["stream_usage"] else {"stream": True}
    if any(a["tool"] for a in case["answers"]):
        more["tools"] = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]
    messages = [{"role": "user", "content": "Say done."}]
    for _ in case["answers"]:
        answer = litellm.completion(model=prefix + case["model"], messages=messages, **more)
        if case["stream"]:
            for _ in answer:
                pass
            return
        message = answer.choices[0].message
        if message.tool_calls:
            messages += [message.model_dump(exclude_none=True),
                         {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "Sunny."}]


chat = ["chat", "chat-cached", "chat-reasoning", "chat-audio", "chat-tools", "chat-stream", "chat-stream-no-usage", "chat-rate-limited", "chat-unknown-model"]
messages = ["messages", "messages-cache-read", "messages-cache-1h", "messages-stream", "messages-overloaded"]
for suffix, packages in (("", ()), ("-and-openai", ("openinference-instrumentation-openai",))):
    if suffix:
        OpenAIInstrumentor().instrument(tracer_provider=p)
    LangChainInstrumentor().instrument(tracer_provider=p)
    record("openinference-langchain" + suffix, "openinference_frameworks.py", "openai", chat + ["agent"] if not suffix else ["chat", "chat-cached", "chat-stream", "chat-rate-limited", "agent"],
           p.force_flush, langchain, ("openinference-instrumentation-langchain", "langchain-core", "langchain-openai", "openai") + packages)
    LangChainInstrumentor().uninstrument()
    LiteLLMInstrumentor().instrument(tracer_provider=p)
    record("openinference-litellm" + suffix, "openinference_frameworks.py", "openai", chat + ["embeddings"] if not suffix else ["chat", "chat-cached", "chat-stream", "chat-tools", "embeddings"],
           p.force_flush, by_litellm, ("openinference-instrumentation-litellm", "litellm", "openai") + packages)
    if not suffix:
        record("openinference-litellm", "openinference_frameworks.py", "anthropic", messages, p.force_flush, by_litellm,
               ("openinference-instrumentation-litellm", "litellm"))
    LiteLLMInstrumentor().uninstrument()
