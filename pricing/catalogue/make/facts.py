"""Writes the pinned catalogues as JSON: genai-prices' from its installed package, in the form of its data.json, and LiteLLM's
file as it lies in the wheel, of which no code is run.

    facts.py LITELLM_WHEEL OUT
"""

import dataclasses
import datetime
import decimal
import json
import pathlib
import sys
import zipfile

from genai_prices import data, types


def plain(v):
    """A value of the package as JSON, numbers as the decimals that they are."""
    if isinstance(v, types.ModelPrice):
        return {k: plain(x) for k, x in sorted(v.__dict__.items()) if x is not None and not k.startswith("_")}
    if dataclasses.is_dataclass(v):
        fields = ((f.name, getattr(v, f.name)) for f in dataclasses.fields(v))
        return {k.rstrip("_"): plain(x) for k, x in fields if x is not None and not k.startswith("_")}
    if isinstance(v, decimal.Decimal):
        return format(v, "f")
    if isinstance(v, (datetime.date, datetime.time)):
        return v.isoformat()
    if isinstance(v, (list, tuple)):
        return [plain(x) for x in v]
    if isinstance(v, dict):
        return {k: plain(x) for k, x in sorted(v.items())}
    return v


def main(wheel, out):
    out = pathlib.Path(out)
    providers = []
    for p in data.providers:
        models = []
        for m in p.models:
            facts = {"id": m.id, "match": plain(m.match), "prices": plain(m.prices)}
            if m.price_variants:
                facts["price_variants"] = plain(m.price_variants)
            models.append(facts)
        providers.append({"id": p.id, "pricing_urls": p.pricing_urls or [], "models": models})
    (out / "genai-prices.json").write_text(json.dumps(providers, indent=1, ensure_ascii=False) + "\n")
    with zipfile.ZipFile(wheel) as z:
        (out / "litellm.json").write_bytes(z.read("litellm/model_prices_and_context_window_backup.json"))


main(*sys.argv[1:])
