"""The providers' wire formats: an answer of cases.py as OpenAI, Anthropic, Google or AWS would send it.

Shapes: OpenAI's API reference (chat completions, responses, embeddings), Anthropic's (messages), Google's (generateContent),
AWS Bedrock's (Converse, ConverseStream and its event stream encoding),
as the providers' own client libraries of November 2026 read them.
"""

import json
import secrets
import struct
import time
import zlib

from prices import BUCKETS


def sums(usage):
    """(all input, all output) of disjoint buckets."""
    return sum(usage.get(b, 0) for b in BUCKETS[:6]), sum(usage.get(b, 0) for b in BUCKETS[6:])


def writes(usage):
    return usage.get("cache_write_5m", 0) + usage.get("cache_write_1h", 0)


def error(api, status):
    """The provider's error body."""
    if api == "messages":
        kind = {429: "rate_limit_error", 529: "overloaded_error"}.get(status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": f"{kind} from the model server"}}
    if api == "converse":
        return {"message": "Too many requests from the model server" if status == 429 else "Internal error of the model server"}
    if api == "generate":
        state = {429: "RESOURCE_EXHAUSTED"}.get(status, "INTERNAL")
        return {"error": {"code": status, "message": f"{state} from the model server", "status": state}}
    kind = {429: "rate_limit_exceeded"}.get(status, "server_error")
    return {"error": {"message": f"{kind} from the model server", "type": kind, "param": None, "code": kind}}


# --- OpenAI chat completions and embeddings ---------------------------------------------------------------------------


def chat_usage(usage):
    prompt, completion = sums(usage)
    details = {"cached_tokens": usage.get("cache_read", 0), "audio_tokens": usage.get("audio_input", 0)}
    if writes(usage):
        details["cache_write_tokens"] = writes(usage)
    return {
        "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion,
        "prompt_tokens_details": details,
        "completion_tokens_details": {
            "reasoning_tokens": usage.get("reasoning", 0), "audio_tokens": usage.get("audio_output", 0),
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
        },
    }


def chat(case, answer):
    message = {"role": "assistant", "content": answer.text, "refusal": None, "annotations": []}
    if answer.tool:
        message |= {"content": None, "tool_calls": [{"id": "call_" + secrets.token_hex(6), "type": "function",
                    "function": {"name": answer.tool, "arguments": '{"city":"Oslo"}'}}]}
    return {
        "id": "chatcmpl-" + secrets.token_hex(12), "object": "chat.completion", "created": int(time.time()),
        "model": case.served or case.model,
        "choices": [{"index": 0, "message": message, "logprobs": None,
                     "finish_reason": "tool_calls" if answer.tool else "stop"}],
        "usage": chat_usage(answer.usage), "service_tier": answer.tier, "system_fingerprint": "fp_1a2b3c4d5e",
    }


def chat_stream(case, answer, include_usage):
    """Server-sent events; the usage comes in a chunk of its own without choices, and only if it was asked for."""
    head = {"id": "chatcmpl-" + secrets.token_hex(12), "object": "chat.completion.chunk", "created": int(time.time()),
            "model": case.served or case.model, "service_tier": answer.tier, "system_fingerprint": "fp_1a2b3c4d5e"}
    if include_usage:
        head["usage"] = None

    def chunk(delta, finish=None):
        return head | {"choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]}

    yield chunk({"role": "assistant", "content": "", "refusal": None})
    if answer.tool:
        yield chunk({"tool_calls": [{"index": 0, "id": "call_" + secrets.token_hex(6), "type": "function",
                                     "function": {"name": answer.tool, "arguments": '{"city":"Oslo"}'}}]})
        yield chunk({}, "tool_calls")
    else:
        for word in answer.text.split():
            yield chunk({"content": word + " "})
        yield chunk({}, "stop")
    if include_usage:
        yield head | {"choices": [], "usage": chat_usage(answer.usage)}


def embeddings(case, answer, body):
    texts = body["input"] if isinstance(body["input"], list) and isinstance(body["input"][0], (str, list)) else [body["input"]]
    vector = [0.125, -0.5]
    if body.get("encoding_format") == "base64":
        vector = "AAAAPgAAAL8="  # the same two numbers as little-endian float32
    n = sums(answer.usage)[0]
    return {"object": "list", "model": case.served or case.model,
            "data": [{"object": "embedding", "index": i, "embedding": vector} for i in range(len(texts))],
            "usage": {"prompt_tokens": n, "total_tokens": n}}


# --- OpenAI responses -------------------------------------------------------------------------------------------------


def responses(case, answer, status="completed"):
    prompt, completion = sums(answer.usage)
    out = {"type": "message", "id": "msg_" + secrets.token_hex(12), "status": "completed", "role": "assistant",
           "content": [{"type": "output_text", "text": answer.text, "annotations": [], "logprobs": []}]}
    if answer.tool:
        out = {"type": "function_call", "id": "fc_" + secrets.token_hex(12), "call_id": "call_" + secrets.token_hex(6),
               "name": answer.tool, "arguments": '{"city":"Oslo"}', "status": "completed"}
    done = status == "completed"
    return {
        "id": "resp_" + secrets.token_hex(16), "object": "response", "created_at": int(time.time()), "status": status,
        "error": None, "incomplete_details": None, "instructions": None, "max_output_tokens": None, "metadata": {},
        "model": case.served or case.model, "output": [out] if done else [], "parallel_tool_calls": True,
        "previous_response_id": None, "reasoning": {"effort": "medium", "summary": None}, "service_tier": answer.tier,
        "store": True, "temperature": 1.0, "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [],
        "top_p": 1.0, "truncation": "disabled", "user": None,
        "usage": {
            "input_tokens": prompt, "output_tokens": completion, "total_tokens": prompt + completion,
            "input_tokens_details": {"cached_tokens": answer.usage.get("cache_read", 0), "cache_write_tokens": writes(answer.usage)},
            "output_tokens_details": {"reasoning_tokens": answer.usage.get("reasoning", 0)},
        } if done else None,
    }


def responses_stream(case, answer):
    full = responses(case, answer)
    begun = responses(case, answer, "in_progress") | {"id": full["id"]}
    item = full["output"][0]
    events = [("response.created", {"response": begun}), ("response.in_progress", {"response": begun})]
    if item["type"] == "message":
        part = item["content"][0]
        at = {"output_index": 0, "item_id": item["id"], "content_index": 0}
        events += [("response.output_item.added", {"output_index": 0, "item": item | {"status": "in_progress", "content": []}}),
                   ("response.content_part.added", at | {"part": part | {"text": ""}})]
        events += [("response.output_text.delta", at | {"delta": w + " ", "logprobs": []}) for w in answer.text.split()]
        events += [("response.output_text.done", at | {"text": answer.text, "logprobs": []}),
                   ("response.content_part.done", at | {"part": part})]
    else:
        events += [("response.output_item.added", {"output_index": 0, "item": item | {"status": "in_progress", "arguments": ""}}),
                   ("response.function_call_arguments.done",
                    {"output_index": 0, "item_id": item["id"], "name": item["name"], "arguments": item["arguments"]})]
    events += [("response.output_item.done", {"output_index": 0, "item": item}), ("response.completed", {"response": full})]
    for n, (kind, data) in enumerate(events):
        yield kind, {"type": kind, "sequence_number": n} | data


# --- Anthropic messages -----------------------------------------------------------------------------------------------


def messages_usage(usage):
    """Anthropic's input_tokens is the fresh part only; cache reads and writes are told beside it."""
    return {
        "input_tokens": usage.get("fresh_input", 0),
        "cache_creation_input_tokens": writes(usage), "cache_read_input_tokens": usage.get("cache_read", 0),
        "cache_creation": {"ephemeral_5m_input_tokens": usage.get("cache_write_5m", 0),
                           "ephemeral_1h_input_tokens": usage.get("cache_write_1h", 0)},
        "output_tokens": sums(usage)[1], "service_tier": "standard",
    }


def messages(case, answer):
    content = [{"type": "text", "text": answer.text}]
    if answer.tool:
        content = [{"type": "tool_use", "id": "toolu_" + secrets.token_hex(12), "name": answer.tool, "input": {"city": "Oslo"}}]
    if answer.thinking:
        content.insert(0, {"type": "thinking", "thinking": "Let me see.", "signature": "c2lnbmF0dXJl"})
    return {"id": "msg_" + secrets.token_hex(12), "type": "message", "role": "assistant", "model": case.served or case.model,
            "content": content, "stop_reason": "tool_use" if answer.tool else "end_turn", "stop_sequence": None,
            "usage": messages_usage(answer.usage)}


def block_stream(block):
    """A block as it begins, and what follows of it."""
    if block["type"] == "text":
        return {"type": "text", "text": ""}, [{"type": "text_delta", "text": word + " "} for word in block["text"].split()]
    if block["type"] == "thinking":
        return ({"type": "thinking", "thinking": "", "signature": ""},
                [{"type": "thinking_delta", "thinking": block["thinking"]}, {"type": "signature_delta", "signature": block["signature"]}])
    return block | {"input": {}}, [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]


def messages_stream(case, answer):
    full = messages(case, answer)
    yield "message_start", {"message": full | {"content": [], "stop_reason": None, "usage": full["usage"] | {"output_tokens": 1}}}
    for index, block in enumerate(full["content"]):
        empty, deltas = block_stream(block)
        yield "content_block_start", {"index": index, "content_block": empty}
        for delta in deltas:
            yield "content_block_delta", {"index": index, "delta": delta}
        yield "content_block_stop", {"index": index}
    usage = {k: v for k, v in full["usage"].items() if k not in ("cache_creation", "service_tier")}
    yield "message_delta", {"delta": {"stop_reason": full["stop_reason"], "stop_sequence": None}, "usage": usage}
    yield "message_stop", {}


# --- Google generateContent -------------------------------------------------------------------------------------------


def generate_usage(usage):
    """Google's prompt count holds the cached tokens; its candidates count doesn't hold the thoughts."""
    prompt, output = sums(usage)
    thoughts = usage.get("reasoning", 0)
    audio = usage.get("audio_input", 0)
    meta = {"promptTokenCount": prompt, "candidatesTokenCount": output - thoughts, "totalTokenCount": prompt + output,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": prompt - audio}]}
    if audio:
        meta["promptTokensDetails"].append({"modality": "AUDIO", "tokenCount": audio})
    if thoughts:
        meta["thoughtsTokenCount"] = thoughts
    if usage.get("cache_read"):
        meta |= {"cachedContentTokenCount": usage["cache_read"],
                 "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": usage["cache_read"]}]}
    return meta


def generate(case, answer):
    part = {"text": answer.text}
    if answer.tool:
        part = {"functionCall": {"name": answer.tool, "args": {"city": "Oslo"}}}
    return {"candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}],
            "usageMetadata": generate_usage(answer.usage), "modelVersion": case.served or case.model,
            "responseId": secrets.token_urlsafe(16)}


def generate_stream(case, answer):
    """Each chunk tells the usage so far; the last one tells all of it."""
    full = generate(case, answer)
    first, *rest = answer.text.split()
    begun = generate_usage(answer.usage | {"text_output": 1, "reasoning": 0})
    yield full | {"candidates": [{"content": {"role": "model", "parts": [{"text": first}]}, "index": 0}], "usageMetadata": begun}
    yield full | {"candidates": [{"content": {"role": "model", "parts": [{"text": " " + " ".join(rest)}]}, "finishReason": "STOP", "index": 0}]}


# --- AWS Bedrock Converse -----------------------------------------------------------------------------------------------


def converse_usage(usage):
    """inputTokens is the fresh part only, as in Anthropic's API; the total holds everything."""
    prompt, output = sums(usage)
    doc = {"inputTokens": usage.get("fresh_input", 0), "outputTokens": output, "totalTokens": prompt + output,
           "cacheReadInputTokens": usage.get("cache_read", 0), "cacheWriteInputTokens": writes(usage)}
    if writes(usage):
        doc["cacheDetails"] = [{"ttl": ttl, "inputTokens": usage[b]} for ttl, b in (("5m", "cache_write_5m"), ("1h", "cache_write_1h")) if usage.get(b)]
    return doc


def converse(case, answer):
    content = [{"text": answer.text}]
    if answer.tool:
        content = [{"toolUse": {"toolUseId": "tooluse_" + secrets.token_hex(8), "name": answer.tool, "input": {"city": "Oslo"}}}]
    return {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": "tool_use" if answer.tool else "end_turn",
            "usage": converse_usage(answer.usage), "metrics": {"latencyMs": 12}}


def aws_event(kind, doc):
    """One message of AWS's event stream encoding: lengths, CRC of both, headers, payload, CRC of all."""
    payload = json.dumps(doc).encode()
    headers = b"".join(bytes([len(n)]) + n.encode() + b"\x07" + struct.pack(">H", len(v)) + v.encode()
                       for n, v in ((":event-type", kind), (":content-type", "application/json"), (":message-type", "event")))
    prelude = struct.pack(">II", 12 + len(headers) + len(payload) + 4, len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


def converse_stream(case, answer):
    yield aws_event("messageStart", {"role": "assistant"})
    for word in answer.text.split():
        yield aws_event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": word + " "}})
    yield aws_event("contentBlockStop", {"contentBlockIndex": 0})
    yield aws_event("messageStop", {"stopReason": "end_turn"})
    yield aws_event("metadata", {"usage": converse_usage(answer.usage), "metrics": {"latencyMs": 12}})


# --- one entry --------------------------------------------------------------------------------------------------------


def api_of(path):
    """Which API a request path belongs to, or None."""
    for suffix, api in (("/chat/completions", "chat"), ("/embeddings", "embeddings"), ("/responses", "responses"),
                        ("/messages", "messages"), (":generateContent", "generate"), (":streamGenerateContent", "generate"), ("/converse", "converse"),
                        ("/converse-stream", "converse")):
        if path.split("?")[0].endswith(suffix):
            return api
    return None


def reply(case, answer, api, body, path):
    """(content type, iterable of bytes) of a successful answer."""
    if ":streamGenerateContent" in path:
        return "text/event-stream", [f"data: {json.dumps(c)}\r\n\r\n".encode() for c in generate_stream(case, answer)]
    if path.endswith("/converse-stream"):
        return "application/vnd.amazon.eventstream", list(converse_stream(case, answer))
    if body.get("stream"):
        if api == "chat":
            usage = case.api == "mistral" or (body.get("stream_options") or {}).get("include_usage", False)
            events = [f"data: {json.dumps(c)}\n\n" for c in chat_stream(case, answer, usage)] + ["data: [DONE]\n\n"]
        elif api == "responses":
            events = [f"event: {k}\ndata: {json.dumps(d)}\n\n" for k, d in responses_stream(case, answer)]
        else:
            events = [f"event: {k}\ndata: {json.dumps({'type': k} | d)}\n\n" for k, d in messages_stream(case, answer)]
        return "text/event-stream", [e.encode() for e in events]
    make = {"chat": chat, "responses": responses, "messages": messages, "generate": generate, "converse": converse}
    full = embeddings(case, answer, body) if api == "embeddings" else make[api](case, answer)
    return "application/json", [json.dumps(full).encode()]
