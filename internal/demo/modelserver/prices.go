package modelserver

import "github.com/tollkeeper/tollkeeper/ledger"

// Price is what one token of a kind costs, in units of 10⁻¹² USD. Every list price per million tokens is a whole number
// of these, so a bill is a sum of integer products and never rounds.
type Price struct {
	Input        ledger.Money // fresh input
	CacheRead    ledger.Money // input served from the prompt cache
	CacheWrite   ledger.Money // input written to a five-minute cache; 0 where writing is billed as fresh input
	CacheWrite1h ledger.Money // input written to a one-hour cache
	Output       ledger.Money // output, reasoning included
}

// Model is one model this server answers for.
type Model struct {
	Provider  string // as in gen_ai.provider.name
	Name      string // as requests name it
	Snapshot  string // as responses name it
	Reasoning bool   // spends part of its output on reasoning
	Price     Price
}

// perMillion turns a list price in thousandths of a US dollar per million tokens into 10⁻¹² USD per token.
func perMillion(milliUSD int64) ledger.Money { return ledger.Money(milliUSD) * 1000 }

// Models lists what is served, with the providers' list prices (standard tier, openai.com/api/pricing and
// claude.com/pricing). A test compares them with the product's catalogue.
func Models() []Model {
	openai := func(name, snapshot string, reasoning bool, in, cached, out int64) Model {
		return Model{Provider: "openai", Name: name, Snapshot: snapshot, Reasoning: reasoning,
			Price: Price{Input: perMillion(in), CacheRead: perMillion(cached), Output: perMillion(out)}}
	}
	anthropic := func(name, snapshot string, in, out int64) Model {
		return Model{Provider: "anthropic", Name: name, Snapshot: snapshot, Price: Price{
			Input: perMillion(in), CacheRead: perMillion(in) / 10, CacheWrite: perMillion(in) * 5 / 4,
			CacheWrite1h: perMillion(in) * 2, Output: perMillion(out)}}
	}
	return []Model{
		openai("gpt-5", "gpt-5-2025-08-07", true, 1250, 125, 10000),
		openai("gpt-5-mini", "gpt-5-mini-2025-08-07", true, 250, 25, 2000),
		openai("gpt-4.1", "gpt-4.1-2025-04-14", false, 2000, 500, 8000),
		openai("gpt-4.1-mini", "gpt-4.1-mini-2025-04-14", false, 400, 100, 1600),
		openai("gpt-4o", "gpt-4o-2024-08-06", false, 2500, 1250, 10000),
		openai("gpt-4o-mini", "gpt-4o-mini-2024-07-18", false, 150, 75, 600),
		openai("text-embedding-3-small", "text-embedding-3-small", false, 20, 20, 0),
		openai("text-embedding-3-large", "text-embedding-3-large", false, 130, 130, 0),
		anthropic("claude-sonnet-4-5", "claude-sonnet-4-5-20250929", 3000, 15000),
		anthropic("claude-haiku-4-5", "claude-haiku-4-5-20251001", 1000, 5000),
	}
}

// Usage is what one call consumed. Input includes what was read from and written to the cache; Output includes Reasoning.
type Usage struct {
	Input, CacheRead, CacheWrite, CacheWrite1h, Output, Reasoning int64
}

// Bill is what the call costs: Σ tokens × price over disjoint parts of the usage.
func (p Price) Bill(u Usage) ledger.Money {
	fresh := u.Input - u.CacheRead - u.CacheWrite - u.CacheWrite1h
	return p.Input*ledger.Money(fresh) + p.CacheRead*ledger.Money(u.CacheRead) +
		p.CacheWrite*ledger.Money(u.CacheWrite) + p.CacheWrite1h*ledger.Money(u.CacheWrite1h) +
		p.Output*ledger.Money(u.Output)
}
