package accuracy

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/collector/llmcost"
	"github.com/tollkeeper/tollkeeper/internal/goals"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
)

// Scopes of layers that can all report one call.
const (
	sdk       = "opentelemetry.instrumentation.genai.openai.chat"
	gateway   = "portkey"
	framework = "pydantic-ai"
)

// trap is what tempts a settlement to count a call twice or not at all. Its spans are made, not recorded: no model server repeats
// a response id when it is asked to.
type trap struct {
	name  string
	bill  map[string]int // calls that the provider bills, by tenant
	spans func(w *world)
	// unseen: the collector has seen no layer of the tenants' before, and is configured with settle_clients: always.
	unseen bool
}

// traps are told the whole way over Kafka and the engine by internal/app's TestTrapsOfSettlement, too.
var traps = []trap{
	{"a response id that repeats", map[string]int{"a": 3}, func(w *world) {
		for range 3 {
			w.report("a", sdk, "chatcmpl-same", 0)
		}
	}, false},
	{"a response id that repeats, seen by client and gateway", map[string]int{"a": 2}, func(w *world) {
		for i := range 2 {
			at := time.Duration(i) * 5 * time.Second
			w.report("a", sdk, "chatcmpl-both", at)
			w.report("a", gateway, "chatcmpl-both", at-20*time.Millisecond)
		}
	}, false},
	{"an id copied by another tenant", map[string]int{"victim": 1, "thief": 1}, func(w *world) {
		w.report("victim", sdk, "chatcmpl-mine", 0)
		w.report("thief", gateway, "chatcmpl-mine", 0)
	}, false},
	{"a span id copied by another tenant", map[string]int{"victim": 1, "thief": 1}, func(w *world) {
		mine := w.report("victim", sdk, "chatcmpl-span", 0)
		theirs := w.report("thief", gateway, "chatcmpl-span", 0)
		theirs.SetTraceID(mine.TraceID())
		theirs.SetSpanID(mine.SpanID())
	}, false},
	{"a retry that is really billed twice", map[string]int{"a": 2}, func(w *world) {
		outer := w.report("a", framework, "chatcmpl-again", 0)
		for _, id := range []string{"chatcmpl-first", "chatcmpl-again"} {
			below(w.report("a", sdk, id, 0), outer)
		}
	}, false},
	{"a span exported twice", map[string]int{"a": 1}, func(w *world) {
		w.report("a", sdk, "chatcmpl-twice", 0)
		sent := w.all[len(w.all)-1]
		sent.CopyTo(w.more())
	}, false},
	{"a span exported twice in one batch", map[string]int{"a": 1}, func(w *world) {
		w.report("a", sdk, "chatcmpl-batch", 0)
		sent := w.all[len(w.all)-1]
		sent.ResourceSpans().At(0).CopyTo(sent.ResourceSpans().AppendEmpty())
	}, false},
	{"a framework, a client and a gateway", map[string]int{"a": 1}, func(w *world) {
		outer := w.report("a", framework, "chatcmpl-three", 0)
		below(w.report("a", sdk, "chatcmpl-three", 0), outer)
		w.report("a", gateway, "chatcmpl-three", -20*time.Millisecond)
	}, false},
	{"a client, then its gateway that wasn't seen before", map[string]int{"a": 1}, func(w *world) {
		w.report("a", sdk, "chatcmpl-start", 0)
		w.report("a", gateway, "chatcmpl-start", -20*time.Millisecond)
	}, true},
	{"a client, then its framework that wasn't seen before", map[string]int{"a": 1}, func(w *world) {
		inner := w.report("a", sdk, "chatcmpl-begin", 0)
		below(inner, w.report("a", framework, "chatcmpl-begin", 0))
	}, true},
	{"clients alone, one call after the other", map[string]int{"a": 3}, func(w *world) {
		for i := range 3 {
			w.report("a", sdk, fmt.Sprint("chatcmpl-alone-", i), time.Duration(i)*time.Second)
		}
	}, true},
}

// trapModel is priced by hand: 1,000 tokens of input at 0.15 USD and 500 of output at 0.60 USD a million.
const (
	trapModel = "gpt-4o-mini"
	trapCost  = "0.00045"
)

// world is what is sent of one trap, in order.
type world struct {
	name string
	end  time.Time
	all  []ptrace.Traces
	ids  uint64
}

func (w *world) more() ptrace.Traces {
	w.all = append(w.all, ptrace.NewTraces())
	return w.all[len(w.all)-1]
}

// report is one report of a good call that took the second before the world's end and at.
func (w *world) report(tenant, scope, id string, at time.Duration) ptrace.Span {
	rs := w.more().ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	rs.Resource().Attributes().PutStr("tenant.id", w.name+"/"+tenant)
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName(scope)
	ss.Scope().SetVersion("2.0.0")
	s := ss.Spans().AppendEmpty()
	w.ids++
	var trace pcommon.TraceID
	var span pcommon.SpanID
	binary.BigEndian.PutUint64(trace[:], xxhash.Sum64String(w.name))
	binary.BigEndian.PutUint64(trace[8:], w.ids)
	binary.BigEndian.PutUint64(span[:], w.ids)
	s.SetTraceID(trace)
	s.SetSpanID(span)
	s.SetName("chat " + trapModel)
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(w.end.Add(at - time.Second)))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(w.end.Add(at)))
	a := s.Attributes()
	a.PutStr("gen_ai.operation.name", "chat")
	a.PutStr("gen_ai.provider.name", "openai")
	a.PutStr("gen_ai.request.model", trapModel)
	a.PutStr("gen_ai.response.model", trapModel+"-2024-07-18")
	a.PutStr("gen_ai.response.id", id)
	a.PutStr("openai.response.service_tier", "default")
	a.PutInt("gen_ai.usage.input_tokens", 1000)
	a.PutInt("gen_ai.usage.output_tokens", 500)
	a.PutInt("gen_ai.usage.cache_read.input_tokens", 0)
	return s
}

// below makes a span the child of another, within it.
func below(child, parent ptrace.Span) {
	child.SetTraceID(parent.TraceID())
	child.SetParentSpanID(parent.SpanID())
	child.SetStartTimestamp(parent.StartTimestamp() + pcommon.Timestamp(10*time.Millisecond))
	child.SetEndTimestamp(parent.EndTimestamp() - pcommon.Timestamp(10*time.Millisecond))
}

// Traps tells each trap in the order of its reports and in the opposite one, and holds what stands of each tenant's against the bill.
func Traps(ctx context.Context) (rows []goals.Row, err error) {
	book, err := pricing.Builtin()
	if err != nil {
		return nil, fmt.Errorf("load prices: %w", err)
	}
	cost, err := ledger.ParseMoney(trapCost)
	if err != nil {
		return nil, err
	}
	var learned, always tagger
	if err := errors.Join(learned.start(ctx, llmcost.SettleLearned), always.start(ctx, llmcost.SettleAlways)); err != nil {
		return nil, fmt.Errorf("start llmcost: %w", err)
	}
	defer func() { err = errors.Join(err, learned.processor.Shutdown(ctx), always.processor.Shutdown(ctx)) }()
	for _, t := range traps {
		llm, name := &learned, t.name
		if t.unseen {
			llm, name = &always, t.name+", settle_clients: always"
		}
		for _, order := range []string{"forward", "backward"} {
			w := world{name: name + ", " + order, end: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
			for tenant := range t.bill { // a collector learns that a tenant has layers by seeing them
				if t.unseen {
					break
				}
				for i, scope := range []string{gateway, framework} {
					w.report(tenant, scope, fmt.Sprint("chatcmpl-earlier-", tenant, i), -40*time.Minute)
				}
			}
			first := len(w.all)
			t.spans(&w)
			if order == "backward" {
				slices.Reverse(w.all[first:])
			}
			calls, err := w.calls(ctx, llm, first)
			if err != nil {
				return nil, fmt.Errorf("trap %s: %w", w.name, err)
			}
			rows = append(rows, t.judge(book, w.name, calls, cost))
		}
	}
	return rows, nil
}

// calls are the reports of the world from its i-th request on, each identity once, as the ledger keeps them.
func (w *world) calls(ctx context.Context, llm *tagger, first int) ([]ledger.Call, error) {
	type identity struct {
		minute int64
		tenant string
		trace  [16]byte
		span   [8]byte
	}
	at := map[identity]int{}
	var out []ledger.Call
	for i, td := range w.all {
		calls, err := llm.calls(ctx, td)
		if err != nil {
			return nil, err
		}
		if i < first {
			continue
		}
		for _, c := range calls {
			id := identity{c.Minute, c.Tenant, c.TraceID, c.SpanID}
			n, known := at[id]
			version := func(c *ledger.Call) uint64 { return c.Version(0, xxhash.Sum64(c.AppendTo(nil))) }
			switch {
			case !known:
				at[id] = len(out)
				out = append(out, c)
			case version(&c) > version(&out[n]):
				out[n] = c
			}
		}
	}
	return out, nil
}

func (t *trap) judge(book *pricing.Book, name string, calls []ledger.Call, cost ledger.Money) goals.Row {
	stand, gaveWay, why := settled(book, calls)
	ours, billed := map[string]ledger.Sum{}, map[string]ledger.Sum{}
	prefix := name + "/"
	for i := range stand {
		tenant := strings.TrimPrefix(stand[i].Tenant, prefix)
		ours[tenant] = ours[tenant].AddMoney(stand[i].TotalCost())
	}
	verdict := Equal
	for tenant, n := range t.bill {
		for range n {
			billed[tenant] = billed[tenant].AddMoney(cost)
		}
	}
	for tenant := range maps.Keys(billed) {
		if ours[tenant].Cmp(billed[tenant]) > 0 && verdict == Equal {
			verdict = Double
		}
		if ours[tenant].Cmp(billed[tenant]) < 0 {
			verdict = Wrong
		}
	}
	for tenant := range ours {
		if _, ok := billed[tenant]; !ok {
			verdict = Wrong
		}
	}
	sum := func(m map[string]ledger.Sum) string {
		var parts []string
		for _, tenant := range slices.Sorted(maps.Keys(m)) {
			parts = append(parts, tenant+" "+m[tenant].Short())
		}
		return strings.Join(parts, ", ")
	}
	return goals.Row{Name: "trap: " + name, Got: fmt.Sprintf("%d reports, gave way: %s; %s USD stand, %s billed: %s", len(calls), reasonsOf(why, len(gaveWay)),
		sum(ours), sum(billed), verdict), Goal: "the bill", OK: verdict == Equal}
}
