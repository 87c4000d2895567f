"""Langfuse's drop-in for OpenAI's client, and an agent span of its SDK above it, sent to Langfuse's OTLP path."""

import os

os.environ |= {"LANGFUSE_HOST": os.environ["RECORD_URL"], "LANGFUSE_BASE_URL": os.environ["RECORD_URL"], "LANGFUSE_PUBLIC_KEY": "pk-none", "LANGFUSE_SECRET_KEY": "sk-none"}

import langfuse.openai
import common
from common import record
from langfuse import get_client

client = get_client()
common.openai_client = lambda retries=0: langfuse.openai.OpenAI(api_key="none", max_retries=retries, base_url=os.environ["RECORD_URL"] + "/v1")


def under_agent(name, case):
    if name != "agent":
        return common.openai_call(case)
    with client.start_as_current_observation(name="assistant", as_type="agent"):
        common.openai_call(case)


names = ["chat", "chat-cached", "chat-reasoning", "chat-audio", "chat-tools", "chat-stream", "chat-stream-no-usage", "chat-rate-limited", "chat-flex",
         "chat-unknown-model", "embeddings", "responses", "responses-stream", "agent"]
record("langfuse-openai", "langfuse_openai.py", "openai", names, client.flush, under_agent, ("langfuse", "openai"))
