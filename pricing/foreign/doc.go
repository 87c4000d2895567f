// Package foreign reads the price catalogues that people already use and writes them as price files of package pricing.
//
// In come genai-prices' JSON (a list of providers with their models) and LiteLLM's (one object by model name). Out goes a price
// file per provider, deterministic to the byte, and a list of all that was left out with the reason.
//
// Nothing is guessed: numbers keep their digits (no float), a name is taken where the catalogue says that it equals a model's and
// not where a pattern would match it, and a model that has a price which our price files can't say exactly is refused whole,
// because its calls would be priced without it.
package foreign
