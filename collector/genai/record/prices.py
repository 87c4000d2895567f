"""What the model server bills: list prices, and the arithmetic of an invoice in exact decimals.

This is the second opinion that the recordings are checked against, so it shares nothing with the product's own price book:
the prices were copied by hand from the providers' pages, the arithmetic is Python's decimal.

Sources, checked 2026-11-22 (against the pages' figures as kept in genai-prices 0.2.3, MIT):
  OpenAI     https://developers.openai.com/api/docs/pricing
  Anthropic  https://www.anthropic.com/pricing#api
  Google     https://ai.google.dev/gemini-api/docs/pricing
  Mistral    https://mistral.ai/pricing
  AWS        https://aws.amazon.com/bedrock/pricing/
"""

from decimal import Decimal, localcontext

BUCKETS = (
    "fresh_input", "cache_read", "cache_write_5m", "cache_write_1h", "audio_input", "image_input",
    "text_output", "reasoning", "audio_output",
)


def tokens(input, output="0", cache_read=None, write_5m=None, write_1h=None, audio_input=None, audio_output=None):
    """USD per million tokens for each bucket. Reasoning is billed as output; a cache write without a price of its own as input."""
    prices = {
        "fresh_input": input, "image_input": input, "cache_read": cache_read,
        "cache_write_5m": write_5m or input, "cache_write_1h": write_1h or write_5m or input,
        "audio_input": audio_input, "audio_output": audio_output, "text_output": output, "reasoning": output,
    }
    return {bucket: Decimal(p) for bucket, p in prices.items() if p is not None}


# (model, service tier) -> prices. "long" is the price of the whole request when its input is above the limit of LONG.
LIST = {
    ("gpt-4o", "default"): tokens("2.50", "10.00", "1.25"),
    ("gpt-4o-mini", "default"): tokens("0.15", "0.60", "0.075"),
    ("gpt-5-mini", "default"): tokens("0.25", "2.00", "0.025"),
    ("gpt-5-mini", "flex"): tokens("0.125", "1.00", "0.0125"),
    ("gpt-5-mini", "priority"): tokens("0.45", "3.60", "0.045"),
    ("gpt-5.6-luna", "default"): tokens("0.20", "1.20", "0.02", "0.25"),
    ("o4-mini", "default"): tokens("1.10", "4.40", "0.275"),
    ("gpt-audio", "default"): tokens("2.50", "10.00", audio_input="32.00", audio_output="64.00"),
    ("text-embedding-3-small", "default"): tokens("0.02"),
    ("claude-haiku-4-5", "default"): tokens("1.00", "5.00", "0.10", "1.25", "2.00"),
    ("claude-sonnet-4-5", "default"): tokens("3.00", "15.00", "0.30", "3.75", "6.00"),
    ("claude-sonnet-4-5", "long"): tokens("6.00", "22.50", "0.60", "7.50", "12.00"),
    ("claude-haiku-4-5", "batch"): tokens("0.50", "2.50", "0.05", "0.625", "1.00"),
    ("claude-sonnet-4-5", "batch"): tokens("1.50", "7.50", "0.15", "1.875", "3.00"),
    ("gemini-2.5-flash", "default"): tokens("0.30", "2.50", "0.03", audio_input="1.00"),
    ("mistral-small-2603", "default"): tokens("0.15", "0.60", "0.015"),
    ("amazon.nova-lite-v1:0", "default"): tokens("0.06", "0.24", "0.015"),
    ("global.anthropic.claude-haiku-4-5-20251001-v1:0", "default"): tokens("1.00", "5.00", "0.10", "1.25", "2.00"),
    # A model of one's own, in no public list: it costs something, and nobody outside can know what.
    ("acme-private-1", "default"): tokens("0.80", "2.40"),
}

LONG = {"claude-sonnet-4-5": 200_000}  # input tokens above which the whole request costs the long-context price


def usd(model, usage, tier="default"):
    """The invoice line for one request: USD as a plain decimal string with 12 places, exact."""
    limit = LONG.get(model)
    if limit and sum(usage.get(b, 0) for b in BUCKETS[:6]) > limit:
        tier = "long"
    prices = LIST[model, tier]
    with localcontext() as ctx:
        ctx.prec = 60
        total = sum((prices[b] * n for b, n in usage.items() if n), Decimal(0)) / Decimal(1_000_000)
        if total != total.quantize(Decimal("1e-12")):
            raise ValueError(f"{model} {usage}: {total} needs rounding; choose other token counts")
        return f"{total:.12f}"
