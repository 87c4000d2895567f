package chaos

import (
	"encoding/binary"
	"math/rand/v2"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// price of a model in 10⁻¹² USD a token, written down from the provider's page a second time: openai.com/api/pricing, read
// November 2026. An unknown model has none: its calls are unpriced.
type price struct {
	model                 string
	input, cached, output int64
	unknown               bool
}

var priceList = []price{
	{model: "gpt-4o-mini-2024-07-18", input: 150_000, cached: 75_000, output: 600_000},
	{model: "gpt-4o-2024-08-06", input: 2_500_000, cached: 1_250_000, output: 10_000_000},
	{model: "gpt-4.1-2025-04-14", input: 2_000_000, cached: 500_000, output: 8_000_000},
	{model: "nobody-has-this-model", unknown: true},
}

// When a call began, as its client says.
type lateness int

const (
	onTime    lateness = iota // now
	late                      // hours or days ago
	future                    // up to an hour ahead
	farFuture                 // beyond what the ledger believes
	tooOld                    // likewise
)

// id of a call.
type id struct {
	trace [16]byte
	span  [8]byte
}

// made is a call and the truth about it.
type made struct {
	id
	tenant, service, model string
	user                   string
	unpriced               bool
	start                  time.Time
	when                   lateness
	input, cached, output  int64
	cost                   int64 // 10⁻¹² USD
}

// maker makes calls of one client in one round.
type maker struct {
	rng    *rand.Rand
	seed   uint64
	client uint64
	n      uint64
}

func newMaker(seed, client uint64) *maker {
	return &maker{rng: rand.New(rand.NewPCG(seed, client+1)), seed: seed, client: client}
}

// make is the next call; it began before now.
func (m *maker) make(now time.Time) made {
	m.n++
	p := priceList[m.rng.IntN(len(priceList))]
	c := made{
		tenant: "tenant-" + strconv.Itoa(m.rng.IntN(6)), service: []string{"shop", "search"}[m.rng.IntN(2)], model: p.model, unpriced: p.unknown,
		input: m.rng.Int64N(20_000), output: 1 + m.rng.Int64N(3_000),
	}
	c.user = c.tenant + "-user-" + strconv.Itoa(m.rng.IntN(5))
	c.cached = m.rng.Int64N(c.input + 1)
	if !p.unknown {
		c.cost = (c.input-c.cached)*p.input + c.cached*p.cached + c.output*p.output
	}
	binary.BigEndian.PutUint64(c.trace[:], m.seed)
	binary.BigEndian.PutUint64(c.trace[8:], m.client<<32|m.n)
	binary.BigEndian.PutUint64(c.span[:], m.rng.Uint64()|1)
	back := time.Duration(m.rng.IntN(3000)) * time.Millisecond // out of order
	switch n := m.rng.IntN(100); {
	case n < 3: // a few places, so that a round can be added up in seconds
		c.when, back = late, []time.Duration{2 * time.Hour, 50 * time.Hour, 20 * 24 * time.Hour}[m.rng.IntN(3)]
	case n < 5:
		c.when, back = future, -time.Duration(m.rng.IntN(5))*time.Minute
	case n < 6:
		c.when, back = farFuture, -40*24*time.Hour
	case n < 7:
		c.when, back = tooOld, 60*24*time.Hour
	}
	c.start = now.Add(-back).Add(-time.Second)
	return c
}

// spans is one OTLP request of calls, as an instrumentation reports them.
func spans(calls []made) ptrace.Traces {
	td := ptrace.NewTraces()
	for i := range calls {
		c := &calls[i]
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", c.service)
		rs.Resource().Attributes().PutStr("tenant.id", c.tenant)
		ss := rs.ScopeSpans().AppendEmpty()
		ss.Scope().SetName("chaos")
		s := ss.Spans().AppendEmpty()
		s.SetTraceID(c.trace)
		s.SetSpanID(c.span)
		s.SetName("chat " + c.model)
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(c.start))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(c.start.Add(time.Second)))
		a := s.Attributes()
		a.PutStr("gen_ai.operation.name", "chat")
		a.PutStr("gen_ai.provider.name", "openai")
		a.PutStr("gen_ai.request.model", c.model)
		a.PutStr("gen_ai.response.model", c.model)
		a.PutStr("openai.response.service_tier", "default")
		a.PutStr("user.id", c.user)
		a.PutInt("gen_ai.usage.input_tokens", c.input)
		a.PutInt("gen_ai.usage.output_tokens", c.output)
		a.PutInt("gen_ai.usage.cache_read.input_tokens", c.cached)
	}
	return td
}
