// Package modelserver is a mock of the model providers' HTTP interfaces that knows exactly what it billed: OpenAI's chat
// completions (plain and streamed, with usage frames only when asked), embeddings, and Anthropic's messages with cache
// writes and reads.
//
// It owns the truth of the demo and of the tests: every billed call with its amount, reckoned from a small table of its
// own (prices.go), apart from the product's price book. It refuses to know spans, tenants' budgets or throttles. Requests
// come in over HTTP; out go answers, and the Truth. The same seed and the same requests give the same usage.
package modelserver
