"""The cases: what is asked of a model, and what its provider counts and answers. One table for every emitter.

A case lists the answers of the model server in the order of the requests. The counts of an answer are disjoint buckets, as
the invoice sees them; modelserver.py puts them into the provider's own form (where cached tokens are inside the input, say).
"""

from dataclasses import dataclass, field


@dataclass
class Answer:
    """One request as the provider sees it. A status other than 200 is an error and costs nothing."""

    usage: dict = field(default_factory=dict)  # bucket -> tokens
    text: str = "Done."
    tool: str | None = None  # the model asks for this tool instead of answering
    status: int = 200
    tier: str = "default"  # the service tier that served the request
    thinking: bool = False  # Anthropic: a block of thinking comes first; its tokens are told as output


@dataclass
class Case:
    api: str  # chat, responses, embeddings, messages, generate, converse, mistral
    model: str  # the price list's name
    answers: list
    served: str | None = None  # the dated name in the answer
    stream: bool = False
    stream_usage: bool = True  # ask for usage at the end of a chat stream
    abandon: bool = False  # the client stops reading after the first chunk
    tier: str | None = None  # the service tier asked for
    retries: int = 0
    note: str = ""


def u(fresh=0, out=0, **more):
    usage = {"fresh_input": fresh, "text_output": out} | more
    return {bucket: n for bucket, n in usage.items() if n}


MINI, O4, G5 = "gpt-4o-mini-2024-07-18", "o4-mini-2025-04-16", "gpt-5-mini-2025-08-07"
CLAUDE = "global.anthropic.claude-haiku-4-5-20251001-v1:0"
HAIKU, SONNET = "claude-haiku-4-5-20251001", "claude-sonnet-4-5-20250929"

CASES = {
    # OpenAI chat completions
    "chat": Case("chat", "gpt-4o-mini", [Answer(u(1200, 85))], MINI),
    "chat-cached": Case("chat", "gpt-4o", [Answer(u(700, 120, cache_read=2304))], "gpt-4o-2024-08-06",
                        note="most of the prompt comes from the provider's cache"),
    "chat-cache-write": Case("chat", "gpt-5.6-luna", [Answer(u(40, 64, cache_read=1024, cache_write_5m=2048))],
                             note="this family bills writes to the cache apart"),
    "chat-reasoning": Case("chat", "o4-mini", [Answer(u(350, 140, reasoning=832))], O4),
    "chat-audio": Case("chat", "gpt-audio", [Answer(u(220, 45, audio_input=1300))], "gpt-audio-2025-08-28",
                       note="audio in, text out"),
    "chat-flex": Case("chat", "gpt-5-mini", [Answer(u(900, 70, reasoning=192), tier="flex")], G5, tier="flex",
                      note="the cheaper service tier was asked for and served"),
    "chat-priority": Case("chat", "gpt-5-mini", [Answer(u(900, 70, cache_read=1280), tier="priority")], G5, tier="priority"),
    "chat-priority-downgraded": Case("chat", "gpt-5-mini", [Answer(u(900, 70))], G5, tier="priority",
                                     note="priority was asked for, the standard tier served and billed"),
    "chat-tools": Case("chat", "gpt-4o-mini", [Answer(u(410, 22), tool="weather"), Answer(u(455, 61))], MINI,
                       note="a tool call and the request that brings its result: two billed requests"),
    "chat-stream": Case("chat", "gpt-4o-mini", [Answer(u(900, 60, cache_read=1024), text="One two three.")], MINI, stream=True),
    "chat-stream-no-usage": Case("chat", "gpt-4o-mini", [Answer(u(640, 48), text="One two three.")], MINI, stream=True,
                                 stream_usage=False, note="the request didn't ask for usage, so the stream carries none"),
    "chat-stream-abandoned": Case("chat", "gpt-4o-mini", [Answer(u(640, 48), text="One two three.")], MINI, stream=True, abandon=True,
                                  note="the client hangs up after the first chunk; the provider bills what it made"),
    "chat-rate-limited": Case("chat", "gpt-4o-mini", [Answer(status=429)], MINI),
    "chat-server-error": Case("chat", "gpt-4o-mini", [Answer(status=500)], MINI),
    "chat-retried": Case("chat", "gpt-4o-mini", [Answer(status=500), Answer(u(300, 20))], MINI, retries=1,
                         note="the SDK retries inside one call; only the second request is billed"),
    "chat-unknown-model": Case("chat", "acme-private-1", [Answer(u(500, 50))],
                               note="no public list has a price for this model"),
    "embeddings": Case("embeddings", "text-embedding-3-small", [Answer({"fresh_input": 512})]),
    # OpenAI responses
    "responses": Case("responses", "gpt-5-mini", [Answer(u(400, 90, cache_read=1152, reasoning=256))], G5),
    "responses-stream": Case("responses", "gpt-5-mini", [Answer(u(380, 75, reasoning=128), text="One two.")], G5, stream=True),
    "responses-cache-write": Case("responses", "gpt-5.6-luna", [Answer(u(60, 50, cache_read=512, cache_write_5m=1536))]),
    # Anthropic messages
    "messages": Case("messages", "claude-haiku-4-5", [Answer(u(640, 75))], HAIKU),
    "messages-cache-write": Case("messages", "claude-sonnet-4-5", [Answer(u(12, 90, cache_write_5m=2210))], SONNET),
    "messages-cache-read": Case("messages", "claude-sonnet-4-5", [Answer(u(15, 101, cache_read=2210))], SONNET),
    "messages-cache-1h": Case("messages", "claude-sonnet-4-5",
                              [Answer(u(20, 64, cache_read=1800, cache_write_5m=450, cache_write_1h=3100))], SONNET,
                              note="writes with both lifetimes and a read in one request"),
    "messages-long-context": Case("messages", "claude-sonnet-4-5", [Answer(u(4000, 500, cache_read=210_000))], SONNET,
                                  note="above 200,000 input tokens the whole request costs the long-context price"),
    "messages-stream": Case("messages", "claude-haiku-4-5", [Answer(u(500, 80, cache_read=1200), text="One two three.")], HAIKU,
                            stream=True),
    "messages-stream-cache-1h": Case("messages", "claude-haiku-4-5", [Answer(u(30, 44, cache_write_1h=1500), text="One two.")],
                                     HAIKU, stream=True),
    "messages-tools": Case("messages", "claude-haiku-4-5", [Answer(u(520, 40), tool="weather"), Answer(u(590, 55))], HAIKU),
    "messages-thinking": Case("messages", "claude-sonnet-4-5", [Answer(u(310, 940), thinking=True)], SONNET,
                              note="Anthropic counts thinking inside the output and tells no part of it"),
    "messages-overloaded": Case("messages", "claude-haiku-4-5", [Answer(status=529)], HAIKU),
    # Google generateContent
    "generate": Case("generate", "gemini-2.5-flash", [Answer(u(800, 60))]),
    "generate-cached": Case("generate", "gemini-2.5-flash", [Answer(u(300, 70, cache_read=2048))]),
    "generate-thinking": Case("generate", "gemini-2.5-flash", [Answer(u(250, 90, reasoning=640))],
                              note="Google counts thoughts beside the candidates, not inside"),
    "generate-audio": Case("generate", "gemini-2.5-flash", [Answer(u(120, 40, audio_input=1500))], note="audio in, text out"),
    "generate-stream": Case("generate", "gemini-2.5-flash", [Answer(u(500, 75, cache_read=1024, reasoning=210), text="One two.")], stream=True),
    "generate-tools": Case("generate", "gemini-2.5-flash", [Answer(u(420, 18), tool="weather"), Answer(u(460, 52))]),
    "generate-rate-limited": Case("generate", "gemini-2.5-flash", [Answer(status=429)]),
    # AWS Bedrock Converse
    "converse": Case("converse", "amazon.nova-lite-v1:0", [Answer(u(700, 80))]),
    "converse-cached": Case("converse", "amazon.nova-lite-v1:0", [Answer(u(240, 65, cache_read=1800))],
                            note="cached tokens lie outside of the input that Bedrock reports"),
    "converse-cache-write": Case("converse", CLAUDE, [Answer(u(25, 90, cache_read=600, cache_write_5m=2100))]),
    "converse-tools": Case("converse", "amazon.nova-lite-v1:0", [Answer(u(390, 21), tool="weather"), Answer(u(430, 44))]),
    "converse-stream": Case("converse", "amazon.nova-lite-v1:0", [Answer(u(360, 55, cache_read=1024), text="One two three.")], stream=True),
    "converse-throttled": Case("converse", "amazon.nova-lite-v1:0", [Answer(status=429)]),
    # Mistral, whose API has OpenAI's form
    "mistral": Case("mistral", "mistral-small-2603", [Answer(u(600, 70))]),
    "mistral-cached": Case("mistral", "mistral-small-2603", [Answer(u(200, 50, cache_read=1024))]),
    "mistral-tools": Case("mistral", "mistral-small-2603", [Answer(u(400, 20), tool="weather"), Answer(u(440, 50))]),
    "mistral-stream": Case("mistral", "mistral-small-2603", [Answer(u(500, 60), text="One two three.")], stream=True),
    "mistral-rate-limited": Case("mistral", "mistral-small-2603", [Answer(status=429)]),
    # Agents and workflows: spans above the calls that repeat their usage, or don't
    "agent": Case("chat", "gpt-4o-mini", [Answer(u(410, 22, cache_read=1024), tool="weather"), Answer(u(455, 61, cache_read=1024))], MINI,
                  note="two requests under an agent or workflow span; only the requests are billed"),
    "agent-generate": Case("generate", "gemini-2.5-flash",
                           [Answer(u(420, 18, cache_read=1024), tool="weather"), Answer(u(460, 52, cache_read=1024, reasoning=96))],
                           note="an agent span around two calls"),
    "agent-converse": Case("converse", CLAUDE,
                           [Answer(u(390, 21, cache_write_5m=1500), tool="weather"), Answer(u(430, 44, cache_read=1500))],
                           note="an agent span around two calls"),
    "agent-messages": Case("messages", "claude-haiku-4-5",
                           [Answer(u(120, 40, cache_write_5m=1500), tool="weather"), Answer(u(160, 55, cache_read=1500))], HAIKU,
                           note="two requests under an agent or workflow span; only the requests are billed"),
    # Refusals that coding agents take for final
    "agent-responses-refused": Case("responses", "gpt-5-mini", [Answer(status=400)], G5),
    "agent-messages-refused": Case("messages", "claude-haiku-4-5", [Answer(status=400)], HAIKU),
    "agent-generate-refused": Case("generate", "gemini-2.5-flash", [Answer(status=400)]),
}
