// Package second holds the price book against second opinions: its arithmetic against genai-prices' own (totals that the pinned
// package computed for random usages), its facts against LiteLLM's price file (the pinned version's entries of models that both
// know). testdata holds what they say, written by `make catalogue`; disagreements.yaml lists every fact on which they differ, the
// side taken and what shows who is right. A difference that isn't listed fails the test, and so does a listed one that is gone.
package second
