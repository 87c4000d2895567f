package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"syscall"
	"time"

	"github.com/google/pprof/profile"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tollkeeper/tollkeeper/ingest"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

// cost of catching up.
type cost struct {
	rows        int
	wall        time.Duration
	own, engine time.Duration // CPU
	heap        uint64        // at most
	stages      []stage
}

// stage is a part of our own CPU time.
type stage struct {
	name string
	cpu  time.Duration
}

// perRecord is how many calls a collector puts in a record under load.
const perRecord = 50

// catchUp puts n calls into the broker and lets ingest store them.
func (b *bench) catchUp(from, n int) (cost, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(b.broker.Brokers()...), kgo.ProducerBatchCompression(kgo.ZstdCompression()))
	if err != nil {
		return cost{}, err
	}
	defer client.Close()
	for i := from; i < from+n; i += perRecord {
		calls := make([]ledger.Call, min(perRecord, from+n-i))
		for j := range calls {
			calls[j] = call(i + j)
		}
		client.Produce(b.ctx, &kgo.Record{Topic: ledger.TopicCalls, Value: ledger.AppendBatch(nil, calls)}, func(_ *kgo.Record, e error) { err = errors.Join(err, e) })
	}
	if err := errors.Join(client.Flush(b.ctx), err); err != nil {
		return cost{}, err
	}
	cfg := ingest.DefaultConfig()
	cfg.Brokers, cfg.ClickHouse, cfg.Spans = b.broker.Brokers(), b.url, false
	role, err := ingest.New(cfg, ingest.Deps{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return cost{}, err
	}
	runtime.GC()
	ctx, stop := context.WithCancel(b.ctx)
	defer stop()
	var taken bytes.Buffer
	if err := pprof.StartCPUProfile(&taken); err != nil {
		return cost{}, err
	}
	ownBefore, engineBefore := cpu(os.Getpid()), cpu(b.server.Pid())
	began := time.Now()
	done := make(chan error, 1)
	go func() { done <- role.Run(ctx) }()
	out := cost{rows: n}
	out.heap, err = b.untilCommitted(ctx, kadm.NewClient(client), cfg.Group)
	out.wall = time.Since(began)
	out.own, out.engine = cpu(os.Getpid())-ownBefore, cpu(b.server.Pid())-engineBefore
	pprof.StopCPUProfile()
	stop()
	if err := errors.Join(err, <-done); err != nil {
		return cost{}, err
	}
	out.stages, err = stages(&taken)
	return out, err
}

// untilCommitted waits until the group has committed all, and returns the largest heap seen meanwhile.
func (b *bench) untilCommitted(ctx context.Context, admin *kadm.Client, group string) (heap uint64, err error) {
	ends, err := admin.ListEndOffsets(ctx, ledger.TopicCalls)
	if err != nil {
		return 0, err
	}
	for {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		heap = max(heap, m.HeapInuse)
		committed, err := admin.FetchOffsets(ctx, group)
		if err != nil && ctx.Err() != nil {
			return 0, err
		}
		all := true
		ends.Each(func(end kadm.ListedOffset) {
			at, ok := committed.Lookup(end.Topic, end.Partition)
			all = all && (end.Offset == 0 || ok && at.At >= end.Offset)
		})
		if all {
			return heap, nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// quiet waits until the engine merges nothing any more, and returns what CPU that took.
func (b *bench) quiet() (time.Duration, error) {
	before := cpu(b.server.Pid())
	for {
		var merges uint64
		if err := b.conn.QueryRow(b.ctx, "SELECT count() FROM system.merges").Scan(&merges); err != nil {
			return 0, err
		}
		used := cpu(b.server.Pid())
		select {
		case <-b.ctx.Done():
			return 0, b.ctx.Err()
		case <-time.After(time.Second):
		}
		if merges == 0 && cpu(b.server.Pid())-used < 100*time.Millisecond {
			return used - before, nil
		}
	}
}

// export writes all rows to a file in their native format.
func (b *bench) export() (string, error) {
	target, err := schema.ParseURL(b.url)
	if err != nil {
		return "", err
	}
	file := filepath.Join(b.dir, "calls.native")
	out, err := os.Create(file)
	if err != nil {
		return "", err
	}
	ask := url.Values{"query": {"SELECT * FROM call_reports FORMAT Native"}, "database": {target.Database}}
	res, err := http.Post("http://"+target.Host+"/?"+ask.Encode(), "", http.NoBody)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(out, res.Body)
	return file, errors.Join(err, res.Body.Close(), out.Close())
}

// ownSpeed lets the engine insert the rows of a file by itself, into a new table.
func (b *bench) ownSpeed(table, file, settings string, want int) (cost, error) {
	if err := b.conn.Exec(b.ctx, "CREATE TABLE "+table+" AS call_reports"); err != nil {
		return cost{}, err
	}
	if _, err := b.quiet(); err != nil {
		return cost{}, err
	}
	before, began := cpu(b.server.Pid()), time.Now()
	if err := b.conn.Exec(b.ctx, "INSERT INTO "+table+" SELECT * FROM file('"+file+"', Native)"+settings); err != nil {
		return cost{}, err
	}
	c := cost{wall: time.Since(began), engine: cpu(b.server.Pid()) - before}
	var rows uint64
	if err := b.conn.QueryRow(b.ctx, "SELECT count() FROM "+table).Scan(&rows); err != nil {
		return cost{}, err
	}
	if c.rows = int(rows); c.rows < want {
		return c, fmt.Errorf("%d rows are stored, want %d", c.rows, want)
	}
	return c, nil
}

// stagesOf tell a sample's stage by a function on its stack, the first that fits.
var stagesOf = []struct{ function, name string }{
	{"kfake.", "the broker"},
	{"ingest.(*columns).append", "columns"},
	{"ingest.(*callBatch).decode", "decode"},
	{"ingest.prepareCalls", "decode"},
	{"ingest.(*inserter).encode", "encode and compress"},
	{"ingest.(*inserter).post", "send"},
	{"net/http.", "send"},
	{"ingest.cut", "hash"},
	{"ingest.(*brokers).fetch", "fetch and decompress"},
	{"segmentio/kafka-go", "fetch and decompress"},
	{"runtime.gcBgMarkWorker", "garbage collection"},
	{"ingest.", "the rest of ingest"},
}

func stages(from io.Reader) ([]stage, error) {
	p, err := profile.Parse(from)
	if err != nil {
		return nil, fmt.Errorf("read the CPU profile: %w", err)
	}
	byName := map[string]time.Duration{}
	for _, s := range p.Sample {
		byName[stageOf(s)] += time.Duration(s.Value[len(s.Value)-1])
	}
	var out []stage
	seen := map[string]bool{}
	for _, x := range append(stagesOf[:len(stagesOf):len(stagesOf)], struct{ function, name string }{"", "the rest"}) {
		if !seen[x.name] {
			seen[x.name] = true
			out = append(out, stage{x.name, byName[x.name]})
		}
	}
	return out, nil
}

func stageOf(s *profile.Sample) string {
	for _, x := range stagesOf {
		for _, at := range s.Location {
			for _, line := range at.Line {
				if strings.Contains(line.Function.Name, x.function) {
					return x.name
				}
			}
		}
	}
	return "the rest"
}

// cpu is what a process has used so far, in user and kernel mode: fields 14 and 15 of proc_pid_stat(5), in 1/100 s.
func cpu(pid int) time.Duration {
	if pid == os.Getpid() {
		var u syscall.Rusage
		if syscall.Getrusage(syscall.RUSAGE_SELF, &u) == nil {
			return time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	f := strings.Fields(rest)
	var user, kernel int64
	if _, err := fmt.Sscan(f[11]+" "+f[12], &user, &kernel); err != nil {
		return 0
	}
	return time.Duration(user+kernel) * 10 * time.Millisecond
}

var noon = time.Now().UTC().Truncate(24 * time.Hour).Add(-12 * time.Hour)

// call is the n-th: 200 tenants, 30 models, ids as random as real ones.
func call(n int) ledger.Call {
	rng := rand.New(rand.NewPCG(uint64(n), 1))
	model := fmt.Sprintf("model-%d", rng.IntN(30))
	c := ledger.Call{
		Tenant: fmt.Sprintf("tenant-%d", rng.IntN(200)), TenantSource: ledger.TenantFromAuth, Model: model, RequestModel: model,
		Provider: "openai", Operation: "chat", Kind: "sync", Service: fmt.Sprintf("service-%d", rng.IntN(20)), Environment: "prod",
		User: fmt.Sprintf("user-%d", rng.IntN(5000)), Team: fmt.Sprintf("team-%d", rng.IntN(40)), Emitter: "openai-python@2", Rule: "otel",
		Start: noon.Add(time.Duration(n) * 200 * time.Microsecond).UnixNano(), Duration: rng.Int64N(5e9), ResponseID: rng.Uint64(),
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
