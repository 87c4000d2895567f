"""Random usages and what genai-prices makes of them, for the second opinion on the book's arithmetic (internal/second).

    usages.py FACTS OUT

FACTS/providers.tsv names the providers. Every model of theirs gets usages by its id and by each name that equals it, at random
times, in the tiers that it has; a usage counts only what the model has a price for. The totals are genai-prices' own decimals.
"""

import datetime
import decimal
import pathlib
import random
import sys

from genai_prices import data, types

DRAWS = 5  # usages of each name and tier
TIERS = {("processing", "batch"): "batch", ("speed", "fast"): "fast"}
COLUMNS = ("fresh_input", "cache_read", "cache_write_5m", "cache_write_1h", "audio_input", "text_output", "audio_output", "search")
BEGIN = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
TIERED = datetime.datetime(2026, 10, 14, tzinfo=datetime.UTC)  # before it, genai-prices has no history of tiers
END = datetime.datetime(2027, 2, 1, tzinfo=datetime.UTC)


def names(match):
    """The names that equal a model's; patterns are nobody's names."""
    if isinstance(match, types.ClauseEquals):
        return [match.equals]
    if isinstance(match, types.ClauseOr):
        return [n for m in match.or_ for n in names(m)]
    return []


def contexts(model):
    """The tiers of a model and how genai-prices is asked for them."""
    out = {"standard": None}
    for v in model.price_variants or []:
        if len(v.when) == 1:
            (k, value), = v.when.items()
            tier = value if k == "service_tier" and value != "default" else TIERS.get((k, value))
            if tier:
                out[tier] = dict(v.when)
    return out


def count(rng):
    """A number of tokens: mostly some thousands, often at the lengths where prices change."""
    if rng.random() < 0.2:
        return rng.choice((32_000, 128_000, 199_999, 200_000, 272_000, 512_000)) + rng.choice((-1, 0, 1))
    return int(10 ** rng.uniform(0, 6))


def usage(rng, prices):
    """Counts in disjoint buckets for what has a price."""
    n = dict.fromkeys(COLUMNS, 0)
    has = {k for k, v in prices.__dict__.items() if v is not None}
    for column, key, chance in (
        ("fresh_input", "input_mtok", 0.95), ("cache_read", "cache_read_mtok", 0.6), ("cache_write_5m", "cache_write_mtok", 0.4),
        ("cache_write_1h", "cache_write_1h_mtok", 0.4), ("audio_input", "input_audio_mtok", 0.4), ("text_output", "output_mtok", 0.9),
        ("audio_output", "output_audio_mtok", 0.4),
    ):
        if key in has and rng.random() < chance:
            n[column] = count(rng)
    if "web_searches_kcount" in has and rng.random() < 0.3:
        n["search"] = rng.randrange(1, 20)
    return n


def asked(n):
    """The same counts as genai-prices wants them: totals, and what they hold."""
    out = {
        "input_tokens": sum(n[c] for c in COLUMNS[:5]), "cache_read_tokens": n["cache_read"],
        "cache_write_tokens": n["cache_write_5m"] + n["cache_write_1h"], "cache_write_1h_tokens": n["cache_write_1h"],
        "input_audio_tokens": n["audio_input"], "cache_audio_read_tokens": 0, "output_tokens": n["text_output"] + n["audio_output"],
        "output_audio_tokens": n["audio_output"], "web_searches": n["search"],
    }
    return types.Usage(**{k: v for k, v in out.items() if v or k in ("input_tokens", "output_tokens", "cache_audio_read_tokens")})


def main(facts, out):
    decimal.getcontext().prec = 60
    rng = random.Random("tollkeeper")
    wanted = [line.split("\t") for line in (pathlib.Path(facts) / "providers.tsv").read_text().splitlines()]
    providers = {p.id: p for p in data.providers}
    rows = []
    for theirs, ours in wanted:
        for model in providers[theirs].models:
            for name in sorted({model.id, *names(model.match)}):
                for tier, context in sorted(contexts(model).items()):
                    for _ in range(DRAWS):
                        begin = BEGIN if tier == "standard" else TIERED
                        at = begin + datetime.timedelta(seconds=rng.randrange(int((END - begin).total_seconds())))
                        n = usage(rng, model.get_prices(at, context))
                        price = model.calc_price(asked(n), providers[theirs], genai_request_timestamp=at, price_context=context)
                        rows.append("\t".join([ours, name, tier, str(int(at.timestamp())), *(str(n[c]) for c in COLUMNS), format(price.total_price, "f")]))
    head = "# genai-prices 0.2.3: provider, name, tier, time, " + ", ".join(COLUMNS) + ", USD"
    pathlib.Path(out).write_text("\n".join([head, *rows]) + "\n")


main(*sys.argv[1:])
