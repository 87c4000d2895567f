package ingest

import (
	"time"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// table is one insert's columns, in the order of the statement's list.
type table struct {
	input  proto.Input
	resets []interface{ Reset() }
	rows   int
}

// as gives a column the exact type of the table, where the Go type alone doesn't tell (Decimal, Enum, …).
type as struct {
	proto.ColInput
	t proto.ColumnType
}

// Type implements proto.ColInput.
func (a as) Type() proto.ColumnType { return a.t }

type column interface {
	proto.ColInput
	Reset()
}

func add[C column](t *table, name string, c C) C {
	t.input = append(t.input, proto.InputColumn{Name: name, Data: c})
	t.resets = append(t.resets, c)
	return c
}

func addAs[C column](t *table, name, typ string, c C) C {
	t.input = append(t.input, proto.InputColumn{Name: name, Data: as{c, proto.ColumnType(typ)}})
	t.resets = append(t.resets, c)
	return c
}

func (t *table) reset() {
	for _, c := range t.resets {
		c.Reset()
	}
	t.rows = 0
}

type (
	textColumn  = *dictionary
	countColumn = *proto.ColUInt64
	idColumn    = *proto.ColFixedStr16
	spanColumn  = *proto.ColFixedStr8
)

func (t *table) text(name string) textColumn   { return add(t, name, newDictionary()) }
func (t *table) count(name string) countColumn { return add(t, name, new(proto.ColUInt64)) }
func (t *table) seconds(name string) *proto.ColDateTime {
	return add(t, name, &proto.ColDateTime{Location: time.UTC})
}

func (t *table) instant(name string, p proto.Precision) *proto.ColDateTime64 {
	return add(t, name, new(proto.ColDateTime64).WithPrecision(p).WithLocation(time.UTC))
}

func (t *table) money(name string) *proto.ColDecimal64 {
	return addAs(t, name, "Decimal(18, 12)", new(proto.ColDecimal64))
}

const roleType = "Enum8('leaf' = 0, 'aggregate' = 1, 'wrapper' = 2)"

// callTable is call_reports, in the order of insert_calls.sql.
type callTable struct {
	table
	minute             *proto.ColDateTime
	trace              idColumn
	span, parent       spanColumn
	version            countColumn
	start, received    *proto.ColDateTime64
	texts              []callText
	responseID         countColumn
	role               *proto.ColInt8
	rank               *proto.ColUInt8
	flags              *proto.ColUInt32
	raw, units         *counts
	tokens             [ledger.NumBuckets]countColumn
	costs              [ledger.NumCostParts]*proto.ColDecimal64
	listDelta          *proto.ColDecimal64
	cacheSaved         *proto.ColDecimal64
	tierSaved          *proto.ColDecimal64
	provided           *proto.ColDecimal64
	duration, first    countColumn
	requestBytes       countColumn
	responseBytes      countColumn
	user, conversation *proto.ColStr
}

// callText is a low-cardinality text of a call and its column.
type callText struct {
	column textColumn
	of     func(*ledger.Call) string
}

func (t *callTable) textOf(name string, of func(*ledger.Call) string) {
	t.texts = append(t.texts, callText{t.text(name), of})
}

func newCallTable() *callTable {
	t := &callTable{}
	type call = *ledger.Call
	t.minute = t.seconds("minute")
	t.textOf("tenant", func(c call) string { return c.Tenant })
	t.trace = add(&t.table, "trace_id", new(proto.ColFixedStr16))
	t.span = add(&t.table, "span_id", new(proto.ColFixedStr8))
	t.version = t.count("version")
	t.parent = add(&t.table, "parent_span_id", new(proto.ColFixedStr8))
	t.textOf("tenant_source", func(c call) string { return c.TenantSource })
	t.start = t.instant("start", proto.PrecisionNano)
	t.received = t.instant("received", proto.PrecisionMilli)
	t.duration = t.count("duration_ns")
	t.first = t.count("first_token_ns")
	t.textOf("provider", func(c call) string { return c.Provider })
	t.textOf("model", func(c call) string { return c.Model })
	t.textOf("request_model", func(c call) string { return c.RequestModel })
	t.textOf("operation", func(c call) string { return c.Operation })
	t.textOf("kind", func(c call) string { return c.Kind })
	t.textOf("service_tier", func(c call) string { return c.ServiceTier })
	t.textOf("finish_reason", func(c call) string { return c.FinishReason })
	t.textOf("error_class", func(c call) string { return c.ErrorClass })
	t.textOf("service", func(c call) string { return c.Service })
	t.textOf("environment", func(c call) string { return c.Environment })
	t.textOf("region", func(c call) string { return c.Region })
	t.textOf("team", func(c call) string { return c.Team })
	t.textOf("key", func(c call) string { return c.Key })
	t.user = add(&t.table, "user", new(proto.ColStr))
	t.textOf("agent", func(c call) string { return c.Agent })
	t.textOf("feature", func(c call) string { return c.Feature })
	t.textOf("prompt", func(c call) string { return c.Prompt })
	t.textOf("prompt_version", func(c call) string { return c.PromptVersion })
	t.conversation = add(&t.table, "conversation", new(proto.ColStr))
	t.responseID = t.count("response_id")
	t.textOf("emitter", func(c call) string { return c.Emitter })
	t.textOf("rule", func(c call) string { return c.Rule })
	t.role = addAs(&t.table, "role", roleType, new(proto.ColInt8))
	t.rank = add(&t.table, "rank", new(proto.ColUInt8))
	t.raw = add(&t.table, "raw", newCounts("Int64"))
	for b := range ledger.NumBuckets {
		t.tokens[b] = t.count(ledger.Bucket(b).String())
	}
	t.units = add(&t.table, "units", newCounts("UInt64"))
	for i, name := range costNames {
		t.costs[i] = t.money(name)
	}
	t.listDelta = t.money("list_delta")
	t.cacheSaved = t.money("cache_saved")
	t.tierSaved = t.money("tier_saved")
	t.provided = t.money("provided_cost")
	t.textOf("price_version", func(c call) string { return c.PriceVersion })
	t.textOf("price_entry", func(c call) string { return c.PriceEntry })
	t.textOf("unpriced", func(c call) string { return c.Unpriced })
	t.flags = add(&t.table, "flags", new(proto.ColUInt32))
	t.requestBytes = t.count("request_bytes")
	t.responseBytes = t.count("response_bytes")
	return t
}

var costNames = [ledger.NumCostParts]string{
	"cost_input", "cost_cache_read", "cost_cache_write", "cost_output", "cost_reasoning", "cost_other",
}

// append adds one checked call.
func (t *callTable) append(c *ledger.Call, version uint64) {
	t.rows++
	t.minute.Data = append(t.minute.Data, proto.DateTime(c.Minute))
	t.trace.Append(c.TraceID)
	t.span.Append(c.SpanID)
	t.version.Append(version)
	t.parent.Append(c.ParentSpanID)
	t.start.AppendRaw(proto.DateTime64(c.Start))
	t.received.AppendRaw(proto.DateTime64(c.Received / int64(time.Millisecond)))
	t.duration.Append(uint64(c.Duration))
	t.first.Append(uint64(c.FirstToken))
	for _, x := range t.texts {
		x.column.Append(x.of(c))
	}
	t.user.Append(c.User)
	t.conversation.Append(c.Conversation)
	t.responseID.Append(c.ResponseID)
	t.role.Append(int8(c.Role))
	t.rank.Append(c.Rank)
	t.flags.Append(uint32(c.Flags))
	c.Raw.Each(func(f ledger.RawField, v int64) { t.raw.add(f.String(), v) })
	t.raw.end()
	for b, n := range c.Usage.Tokens {
		t.tokens[b].Append(uint64(n))
	}
	for u, n := range c.Usage.Units {
		if n != 0 {
			t.units.add(ledger.Unit(u).String(), n)
		}
	}
	t.units.end()
	for i, m := range c.Cost {
		t.costs[i].Append(proto.Decimal64(m))
	}
	t.listDelta.Append(proto.Decimal64(c.ListDelta))
	t.cacheSaved.Append(proto.Decimal64(c.CacheSaved))
	t.tierSaved.Append(proto.Decimal64(c.TierSaved))
	t.provided.Append(proto.Decimal64(c.ProvidedCost))
	t.requestBytes.Append(uint64(c.RequestBytes))
	t.responseBytes.Append(uint64(c.ResponseBytes))
}

// candidateTable is settle_candidates, in the order of insert_candidates.sql.
type candidateTable struct {
	table
	hour, minute        *proto.ColDateTime
	responseID, version countColumn
	trace               idColumn
	span, parent        spanColumn
	tenant, provider    textColumn
	role                *proto.ColInt8
	rank                *proto.ColUInt8
	flags               *proto.ColUInt32
	start               *proto.ColDateTime64
	duration            countColumn
	operation           textColumn
	input, output       countColumn
	authenticated       *proto.ColUInt8
}

func newCandidateTable() *candidateTable {
	t := &candidateTable{}
	t.hour = t.seconds("hour")
	t.responseID = t.count("response_id")
	t.trace = add(&t.table, "trace_id", new(proto.ColFixedStr16))
	t.span = add(&t.table, "span_id", new(proto.ColFixedStr8))
	t.minute = t.seconds("minute")
	t.tenant = t.text("tenant")
	t.version = t.count("version")
	t.parent = add(&t.table, "parent_span_id", new(proto.ColFixedStr8))
	t.provider = t.text("provider")
	t.role = addAs(&t.table, "role", roleType, new(proto.ColInt8))
	t.rank = add(&t.table, "rank", new(proto.ColUInt8))
	t.flags = add(&t.table, "flags", new(proto.ColUInt32))
	t.start = t.instant("start", proto.PrecisionNano)
	t.duration = t.count("duration_ns")
	t.operation = t.text("operation")
	t.input = t.count("input")
	t.output = t.count("output")
	t.authenticated = add(&t.table, "authenticated", new(proto.ColUInt8))
	return t
}

func (t *candidateTable) append(c *ledger.Call, version uint64) {
	t.rows++
	t.hour.Data = append(t.hour.Data, proto.DateTime(c.Minute-c.Minute%3600))
	t.responseID.Append(c.ResponseID)
	t.trace.Append(c.TraceID)
	t.span.Append(c.SpanID)
	t.minute.Data = append(t.minute.Data, proto.DateTime(c.Minute))
	t.tenant.Append(c.Tenant)
	t.version.Append(version)
	t.parent.Append(c.ParentSpanID)
	t.provider.Append(c.Provider)
	t.role.Append(int8(c.Role))
	t.rank.Append(c.Rank)
	t.flags.Append(uint32(c.Flags))
	t.start.AppendRaw(proto.DateTime64(c.Start))
	t.duration.Append(uint64(c.Duration))
	t.operation.Append(c.Operation)
	t.input.Append(uint64(c.Usage.Input()))
	t.output.Append(uint64(c.Usage.Output()))
	var authenticated uint8
	if c.TenantSource == ledger.TenantFromAuth {
		authenticated = 1
	}
	t.authenticated.Append(authenticated)
}
