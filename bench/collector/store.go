package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/clickhouseexporter"
	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/kafkareceiver"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/batchprocessor"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/tollkeeper/tollkeeper/ingest"
	engine "github.com/tollkeeper/tollkeeper/internal/embedded/clickhouse"
	"github.com/tollkeeper/tollkeeper/internal/embedded/kafka"
	"github.com/tollkeeper/tollkeeper/internal/goals"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

// store is the way from Kafka into the engine: ours, and contrib's Kafka receiver and ClickHouse exporter with the batches that
// its README recommends. Both take the same calls: ours as the collector encodes them, contrib's as spans with the same facts as
// attributes, which its table keeps in a map. Neither waits for anything but the other end.
type store struct {
	server *engine.Server
	broker *kafka.Server
	conn   driver.Conn
	client *kgo.Client
	url    string
}

const (
	storedCalls    = 300_000
	callsPerRecord = 50
	spansTopic     = "otlp_spans"
)

// stored is what one way of storing all calls took.
type stored struct{ wall, cpu time.Duration }

func benchStore(ctx context.Context, rounds int) (rows []goals.Row, err error) {
	dir, err := os.MkdirTemp("", "tollkeeper-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	s := series{}
	for i := range rounds {
		if err := storeOnce(ctx, filepath.Join(dir, strconv.Itoa(i)), s); err != nil {
			return nil, err
		}
	}
	perMillion := func(name string) string { return fmt.Sprintf("%.2f", s.median(name)/storedCalls*1e6) }
	return []goals.Row{
		goals.Told("ingest from Kafka, calls/s", fmt.Sprintf("%.0f", storedCalls/s.median("ours, s"))),
		goals.Told("contrib's Kafka receiver → ClickHouse exporter, spans/s", fmt.Sprintf("%.0f", storedCalls/s.median("contrib, s"))),
		goals.AtLeast("ingest / contrib, times as fast", "%.1f", s.ratio("contrib, s", "ours, s"), 3),
		goals.Told("ingest and engine, CPU-s per million calls", perMillion("ours, CPU-s")),
		goals.Told("contrib and engine, CPU-s per million spans", perMillion("contrib, CPU-s")),
		goals.Told("contrib / ingest by CPU, times", fmt.Sprintf("%.1f", s.ratio("contrib, CPU-s", "ours, CPU-s"))),
	}, nil
}

func storeOnce(ctx context.Context, dir string, out series) (err error) {
	b := &store{}
	quiet := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	if b.server, err = engine.Start(ctx, engine.Config{Dir: filepath.Join(dir, "engine"), Log: quiet}); err != nil {
		return fmt.Errorf("start the engine (make engine fetches it): %w", err)
	}
	defer func() {
		end, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		err = errors.Join(err, b.server.Close(end))
	}()
	k := kafka.DefaultConfig()
	k.Dir, k.Log, k.MinFree = filepath.Join(dir, "kafka"), quiet, 0
	if b.broker, err = kafka.Start(ctx, k); err != nil {
		return err
	}
	defer b.broker.Close()
	b.url = b.server.URL("bench")
	if _, err := schema.Apply(ctx, b.url, schema.DefaultOptions()); err != nil {
		return err
	}
	if b.conn, err = schema.OpenPatient(b.url); err != nil {
		return err
	}
	defer b.conn.Close()
	if b.client, err = kgo.NewClient(kgo.SeedBrokers(b.broker.Brokers()...), kgo.ProducerBatchCompression(kgo.ZstdCompression())); err != nil {
		return err
	}
	defer b.client.Close()
	if _, err := kadm.NewClient(b.client).CreateTopic(ctx, int32(k.Partitions), 1, nil, spansTopic); err != nil {
		return err
	}
	if err := b.produce(ctx); err != nil {
		return err
	}
	for name, way := range map[string]func(context.Context) (stored, error){"ours": b.ours, "contrib": b.contrib} {
		took, err := way(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		out.add(name+", s", took.wall.Seconds())
		out.add(name+", CPU-s", took.cpu.Seconds())
	}
	return nil
}

// produce puts the calls into both topics.
func (b *store) produce(ctx context.Context) (err error) {
	failed := func(_ *kgo.Record, e error) { err = errors.Join(err, e) }
	encode := ptrace.ProtoMarshaler{}
	for i := 0; i < storedCalls; i += callsPerRecord {
		calls := make([]ledger.Call, callsPerRecord)
		td := ptrace.NewTraces()
		for j := range calls {
			calls[j] = storedCall(i + j)
			asSpan(td, &calls[j])
		}
		span, e := encode.MarshalTraces(td)
		if e != nil {
			return e
		}
		b.client.Produce(ctx, &kgo.Record{Topic: ledger.TopicCalls, Value: ledger.AppendBatch(nil, calls)}, failed)
		b.client.Produce(ctx, &kgo.Record{Topic: spansTopic, Value: span}, failed)
	}
	return errors.Join(b.client.Flush(ctx), err)
}

func (b *store) ours(ctx context.Context) (stored, error) {
	cfg := ingest.DefaultConfig()
	cfg.Brokers, cfg.ClickHouse, cfg.Spans = b.broker.Brokers(), b.url, false
	role, err := ingest.New(cfg, ingest.Deps{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return stored{}, err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	return b.measure(ctx, "call_reports", func() error {
		go func() { done <- role.Run(ctx) }()
		return nil
	}, func() error { stop(); return <-done })
}

func (b *store) contrib(ctx context.Context) (stored, error) {
	configured := func(cfg any, values map[string]any) error { return confmap.NewFromStringMap(values).Unmarshal(cfg) }
	target, err := schema.ParseURL(b.url)
	if err != nil {
		return stored{}, err
	}
	write := clickhouseexporter.NewFactory()
	writeConfig := write.CreateDefaultConfig()
	if err := configured(writeConfig, map[string]any{"endpoint": "http://" + target.Host, "database": target.Database, "username": "default"}); err != nil {
		return stored{}, err
	}
	exporter, err := write.CreateTraces(ctx, exportertest.NewNopSettings(write.Type()), writeConfig)
	if err != nil {
		return stored{}, err
	}
	batch := batchprocessor.NewFactory()
	batchConfig := batch.CreateDefaultConfig()
	if err := configured(batchConfig, map[string]any{"timeout": "5s", "send_batch_size": 100_000}); err != nil {
		return stored{}, err
	}
	batches, err := batch.CreateTraces(ctx, processortest.NewNopSettings(batch.Type()), batchConfig, exporter)
	if err != nil {
		return stored{}, err
	}
	read := kafkareceiver.NewFactory()
	readConfig := read.CreateDefaultConfig()
	if err := configured(readConfig, map[string]any{"brokers": b.broker.Brokers(), "initial_offset": "earliest", "traces": map[string]any{"topics": []any{spansTopic}}}); err != nil {
		return stored{}, err
	}
	receiver, err := read.CreateTraces(ctx, receivertest.NewNopSettings(read.Type()), readConfig, batches)
	if err != nil {
		return stored{}, err
	}
	host := componenttest.NewNopHost()
	if err := errors.Join(exporter.Start(ctx, host), batches.Start(ctx, host)); err != nil {
		return stored{}, err
	}
	return b.measure(ctx, "otel_traces", func() error { return receiver.Start(ctx, host) }, func() error {
		return errors.Join(receiver.Shutdown(ctx), batches.Shutdown(ctx), exporter.Shutdown(ctx))
	})
}

// measure waits until the table holds all calls.
func (b *store) measure(ctx context.Context, table string, begin, end func() error) (out stored, err error) {
	before, began := b.cpu(), time.Now()
	if err := begin(); err != nil {
		return out, err
	}
	for {
		var rows uint64
		if err := b.conn.QueryRow(ctx, "SELECT count() FROM "+table).Scan(&rows); err != nil {
			return out, errors.Join(err, end())
		}
		if rows >= storedCalls {
			break
		}
		select {
		case <-ctx.Done():
			return out, errors.Join(ctx.Err(), end())
		case <-time.After(20 * time.Millisecond):
		}
	}
	return stored{time.Since(began), b.cpu() - before}, end()
}

// cpu is what this process and the engine's have used: of the engine fields 14 and 15 of proc_pid_stat(5), in 1/100 s.
func (b *store) cpu() time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", b.server.Pid()))
	if err != nil {
		return cpuTime()
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	f := strings.Fields(rest)
	user, _ := strconv.Atoi(f[11])
	kernel, _ := strconv.Atoi(f[12])
	return cpuTime() + time.Duration(user+kernel)*10*time.Millisecond
}

var yesterday = time.Now().UTC().Truncate(24 * time.Hour).Add(-12 * time.Hour)

// storedCall is the n-th: 200 tenants, 30 models, ids as random as real ones.
func storedCall(n int) ledger.Call {
	rng := rand.New(rand.NewPCG(uint64(n), 1))
	model := fmt.Sprintf("model-%d", rng.IntN(30))
	c := ledger.Call{
		Tenant: fmt.Sprintf("tenant-%d", rng.IntN(200)), TenantSource: ledger.TenantFromAuth, Model: model, RequestModel: model,
		Provider: "openai", Operation: "chat", Kind: "sync", Service: fmt.Sprintf("service-%d", rng.IntN(20)), Environment: "prod",
		User: fmt.Sprintf("user-%d", rng.IntN(5000)), Team: fmt.Sprintf("team-%d", rng.IntN(40)), Emitter: "openai-python@2", Rule: "otel",
		Start: yesterday.Add(time.Duration(n) * 200 * time.Microsecond).UnixNano(), Duration: rng.Int64N(5e9), ResponseID: rng.Uint64(),
		PriceVersion: "v1", PriceEntry: "openai/" + model, FinishReason: "stop",
	}
	c.Received = c.Start + 3e8
	binary.BigEndian.PutUint64(c.TraceID[:], rng.Uint64())
	binary.BigEndian.PutUint64(c.TraceID[8:], rng.Uint64())
	binary.BigEndian.PutUint64(c.SpanID[:], rng.Uint64())
	in, out := rng.Int64N(4000), rng.Int64N(900)
	c.Usage.Tokens[ledger.FreshInput], c.Usage.Tokens[ledger.TextOutput] = in, out
	c.Raw.Set(ledger.RawInput, in)
	c.Raw.Set(ledger.RawOutput, out)
	c.Cost[ledger.CostInput], c.Cost[ledger.CostOutput] = ledger.Money(in*2_500_000), ledger.Money(out*10_000_000)
	c.SetMinute()
	return c
}

// asSpan adds the call as a span that holds the same facts.
func asSpan(td ptrace.Traces, c *ledger.Call) {
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", c.Service)
	rs.Resource().Attributes().PutStr("deployment.environment.name", c.Environment)
	rs.Resource().Attributes().PutStr("tollkeeper.tenant", c.Tenant)
	rs.Resource().Attributes().PutStr("tollkeeper.tenant_source", string(c.TenantSource))
	span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID(c.TraceID)
	span.SetSpanID(c.SpanID)
	span.SetName("chat " + c.Model)
	span.SetStartTimestamp(pcommon.Timestamp(c.Start))
	span.SetEndTimestamp(pcommon.Timestamp(c.Start + c.Duration))
	a := span.Attributes()
	for _, kv := range [][2]string{
		{"gen_ai.provider.name", c.Provider}, {"gen_ai.operation.name", c.Operation}, {"gen_ai.request.model", c.RequestModel}, {"gen_ai.response.model", c.Model},
		{"gen_ai.response.id", strconv.FormatUint(c.ResponseID, 16)}, {"gen_ai.response.finish_reason", c.FinishReason},
		{"enduser.id", c.User}, {"team", c.Team}, {"tollkeeper.kind", c.Kind}, {"tollkeeper.emitter", c.Emitter}, {"tollkeeper.rule", c.Rule},
		{"tollkeeper.price.version", c.PriceVersion}, {"tollkeeper.price.entry", c.PriceEntry},
		{"tollkeeper.cost.input", c.Cost[ledger.CostInput].String()}, {"tollkeeper.cost.output", c.Cost[ledger.CostOutput].String()},
	} {
		a.PutStr(kv[0], kv[1])
	}
	a.PutInt("gen_ai.usage.input_tokens", c.Usage.Tokens[ledger.FreshInput])
	a.PutInt("gen_ai.usage.output_tokens", c.Usage.Tokens[ledger.TextOutput])
	a.PutInt("tollkeeper.received", c.Received)
}
