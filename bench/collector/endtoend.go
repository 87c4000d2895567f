package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/tollkeeper/tollkeeper/collector"
	"github.com/tollkeeper/tollkeeper/internal/goals"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// configurations of the collector that are compared. "plain" has nothing of ours in it (plain.go). A short decision wait lets a round
// end soon.
var configurations = []struct {
	name    string
	overlay map[string]any
}{
	{"plain", nil},
	{"tagged", nil},       // the same, sent spans that carry all tags already: what moving those takes
	{"ours", onePipeline}, // the same pipeline with our exporter in place of contrib's
	{"items", nil},        // plain, bounded by items and not by bytes
	{"keep10", map[string]any{"processors": map[string]any{"tenantlimit": unlimited, "llmsampling": map[string]any{"decision_wait": "500ms", "max_held_mib": 256, "budget_kib_per_second": 0}}}},
	{"default10", map[string]any{"processors": map[string]any{"tenantlimit": unlimited, "llmsampling": map[string]any{"decision_wait": "500ms", "budget_kib_per_second": 0}}}}, // holds what the product does
	{"keep100", map[string]any{"processors": map[string]any{"tenantlimit": unlimited, "llmsampling": map[string]any{"decision_wait": "500ms", "max_held_mib": 256, "budget_kib_per_second": 0, "probability": 1}}}},
}

var onePipeline = map[string]any{
	"receivers": map[string]any{"otlp/unused": map[string]any{"protocols": map[string]any{"grpc": map[string]any{"endpoint": "127.0.0.1:0"}}}},
	"service": map[string]any{"pipelines": map[string]any{
		"traces":         map[string]any{"processors": []string{"memory_limiter"}, "exporters": []string{"payloadkafka"}},
		"traces/calls":   map[string]any{"receivers": []string{"otlp/unused"}},
		"traces/payload": map[string]any{"receivers": []string{"otlp/unused"}},
	}},
}

// unlimited counts and sizes as any limit does, and is never reached: all of the load is one tenant's.
var unlimited = map[string]any{"spans_per_second": 1_000_000_000, "kib_per_second": 1_000_000_000, "max_in_flight": 1_000_000}

// runChild is the collector in its own process. It writes its address, then its CPU time in nanoseconds for every line it reads.
func runChild(ctx context.Context, name string, brokers []string) error {
	cfg := collector.DefaultConfig()
	cfg.GRPC, cfg.HTTP, cfg.Brokers = "127.0.0.1:0", "", brokers
	cfg.MemoryLimitMiB, cfg.PayloadMemoryLimitMiB, cfg.PayloadQueueMiB = 3000, 2500, 500 // nothing is to be shed
	for _, c := range configurations {
		if c.name == name {
			cfg.Overlay = c.overlay
		}
	}
	cfg.TuneGC() // as the product does, for the plain one too
	var c interface {
		Run(context.Context) error
		Ready(context.Context) error
		GRPCAddr() string
	}
	var err error
	switch name {
	case "plain", "tagged", "items":
		c, err = newPlain(brokers, cfg.MemoryLimitMiB, cfg.PayloadQueueMiB, name == "items")
	default:
		c, err = collector.New(cfg, collector.Deps{Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})), Metrics: prometheus.NewRegistry()})
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	for c.Ready(ctx) != nil {
		select {
		case err := <-done:
			return err
		case <-time.After(5 * time.Millisecond):
		}
	}
	fmt.Println(c.GRPCAddr())
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		fmt.Println(cpuTime().Nanoseconds())
	}
	cancel()
	return <-done
}

// subject is a collector in its own process.
type subject struct {
	name string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Scanner
	addr string
}

func launch(ctx context.Context, name, profiles string, brokers []string) (*subject, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &subject{name: name, cmd: exec.CommandContext(ctx, self, append([]string{"-child", name, "-profiles", profiles}, brokers...)...)}
	s.cmd.Stderr = os.Stderr
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	s.out = bufio.NewScanner(out)
	if !s.out.Scan() {
		return nil, errors.Join(fmt.Errorf("collector %s did not start", name), s.cmd.Wait())
	}
	s.addr = s.out.Text()
	return s, nil
}

func (s *subject) cpu() (time.Duration, error) {
	if _, err := fmt.Fprintln(s.in); err != nil {
		return 0, err
	}
	if !s.out.Scan() {
		return 0, fmt.Errorf("collector %s is gone", s.name)
	}
	n, err := strconv.ParseInt(strings.TrimSpace(s.out.Text()), 10, 64)
	return time.Duration(n), err
}

func (s *subject) stop() error { return errors.Join(s.in.Close(), s.cmd.Wait()) }

// resident is the most memory that the collector had so far, in MB (VmHWM of /proc; 0 elsewhere).
func (s *subject) resident() int {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(content), "VmHWM:")
	kib, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, _ := strconv.Atoi(kib)
	return n >> 10
}

const sentSpans = 99

// load sends requests from several clients at once; it returns the CPU the collector took per span, all batches written. As many go before, which
// are not measured: after a pause, a collector's first second goes for memory that the kernel hands it anew.
func (s *subject) load(ctx context.Context, clients, requests int, bodies [][]byte) (perSpan, spansPerSecond float64, err error) {
	api := make([]ptraceotlp.GRPCClient, clients)
	for i := range api {
		conn, err := grpc.NewClient(s.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return 0, 0, err
		}
		defer conn.Close()
		api[i] = ptraceotlp.NewGRPCClient(conn)
	}
	if err := send(ctx, api, requests, bodies); err != nil {
		return 0, 0, err
	}
	before, err := s.settled()
	if err != nil {
		return 0, 0, err
	}
	started := time.Now()
	if err := send(ctx, api, requests, bodies); err != nil {
		return 0, 0, err
	}
	took := time.Since(started)
	after, err := s.settled()
	spans := float64(requests * sentSpans)
	return float64(after-before) / spans, spans / took.Seconds(), err
}

// send sends requests, each client one after the other.
func send(ctx context.Context, clients []ptraceotlp.GRPCClient, requests int, bodies [][]byte) error {
	var next atomic.Int64
	var group sync.WaitGroup
	failed := make([]error, len(clients))
	for i, client := range clients {
		own := make([]ptrace.Traces, len(bodies)) // a client changes what it sends
		for k, body := range bodies {
			own[k] = decode(body)
		}
		group.Go(func() {
			for {
				n := next.Add(1)
				if n > int64(requests) || failed[i] != nil {
					return
				}
				_, failed[i] = client.Export(ctx, another(own[n%int64(len(own))]))
			}
		})
	}
	group.Wait()
	return errors.Join(failed...)
}

// another is the same request of other traces: one that has been decided before would only follow its decision.
func another(td ptrace.Traces) ptraceotlp.ExportRequest {
	var before, now pcommon.TraceID
	for _, s := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		if id := s.TraceID(); id != before {
			before = id
			binary.NativeEndian.PutUint64(now[:8], rand.Uint64())
			binary.NativeEndian.PutUint64(now[8:], rand.Uint64())
		}
		s.SetTraceID(now)
	}
	return ptraceotlp.NewExportRequestFromTraces(td)
}

// settled waits until sampling has decided and the queue is written: the collector's CPU time stands still.
func (s *subject) settled() (time.Duration, error) {
	time.Sleep(800 * time.Millisecond) // decision wait and flush timeout
	last, err := s.cpu()
	for err == nil {
		time.Sleep(200 * time.Millisecond)
		var now time.Duration
		if now, err = s.cpu(); now-last < 2*time.Millisecond {
			return now, err
		}
		last = now
	}
	return last, err
}

// forget deletes what the broker, which is in this process's memory, holds.
func forget(ctx context.Context, admin *kadm.Client) error {
	ends, err := admin.ListEndOffsets(ctx, ledger.TopicCalls, ledger.TopicSpans)
	if err != nil {
		return err
	}
	deleted, err := admin.DeleteRecords(ctx, ends.Offsets())
	return errors.Join(err, deleted.Error())
}

func benchCollector(ctx context.Context, rounds int, profiles string) (_ []goals.Row, err error) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.BrokerConfigs(map[string]string{"message.max.bytes": "9437184"}),
		kfake.SeedTopics(4, ledger.TopicCalls, ledger.TopicSpans))
	if err != nil {
		return nil, err
	}
	defer cluster.Close()
	broker, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err != nil {
		return nil, err
	}
	defer broker.Close()
	var subjects []*subject
	for _, c := range configurations {
		s, err := launch(ctx, c.name, profiles, cluster.ListenAddrs())
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, s.stop()) }()
		subjects = append(subjects, s)
	}
	bodies, tagged := make([][]byte, 4), make([][]byte, 4)
	for i := range bodies {
		bodies[i] = wire(uint64(i+77), sentSpans, everyThird)
		if tagged[i], err = withTags(ctx, bodies[i]); err != nil {
			return nil, err
		}
	}
	cpu := series{}
	for round := range rounds + 1 {
		for _, clients := range []int{64, 8, 1} { // the most first: a heap that still grows costs more than one that is as large as it gets
			requests := 1500
			if clients == 8 {
				requests = 2500 // a quarter of a million spans
			}
			if round > 3 && clients != 8 {
				continue
			}
			for i := range subjects {
				s := subjects[(i+round)%len(subjects)]
				sent := bodies
				if s.name == "tagged" {
					sent = tagged
				}
				per, speed, err := s.load(ctx, clients, requests, sent)
				if err == nil {
					err = forget(ctx, kadm.NewClient(broker))
				}
				if err != nil {
					return nil, fmt.Errorf("%s at %d clients: %w", s.name, clients, err)
				}
				if round > 0 { // the first warms up
					cpu.add(fmt.Sprint(s.name, clients), per)
					cpu.add(fmt.Sprint(s.name, clients, "speed"), speed)
				}
			}
		}
	}
	return collectorRows(cpu, subjects), nil
}

func collectorRows(cpu series, subjects []*subject) (rows []goals.Row) {
	for _, clients := range []int{8, 1, 64} {
		plain := fmt.Sprint("plain", clients)
		rows = append(rows, goals.Told(fmt.Sprintf("plain collector, %d clients: CPU-s per million spans", clients),
			fmt.Sprintf("%.1f (%.0fk spans/s)", cpu.median(plain)/1000, cpu.median(plain+"speed")/1000)))
		for _, c := range []struct{ name, text string }{{"tagged", "given spans with all tags"}, {"items", "its queue bounded by spans, not bytes"}, {"ours", "with our exporter in place of contrib's"}, {"default10", "ours keeping 10 %, no budget, holding 32 MiB at most as by default"}, {"keep10", "keeping 10 %, no budget"}, {"keep100", "keeping 100 %, no budget"}} {
			key := fmt.Sprint(c.name, clients)
			more := (cpu.ratio(key, plain) - 1) * 100
			if c.name != "keep10" && c.name != "keep100" {
				rows = append(rows, goals.Told(fmt.Sprintf("… %s, %d clients: %.1f CPU-s per million spans, more in %%", c.text, clients, cpu.median(key)/1000), fmt.Sprintf("%+.0f", more)))
				continue
			}
			name := fmt.Sprintf("ours %s, %d clients: %.1f CPU-s per million spans (%.0fk spans/s), more in %%", c.text, clients, cpu.median(key)/1000, cpu.median(key+"speed")/1000)
			if clients == 8 {
				rows = append(rows, goals.AtMost(name, "%+.0f", more, 25))
			} else {
				rows = append(rows, goals.Told(name, fmt.Sprintf("%+.0f", more)))
			}
		}
	}
	for _, s := range subjects {
		rows = append(rows, goals.Told(fmt.Sprintf("%s collector, resident at most, MB (GOGC=100 GOMEMLIMIT=off in the environment: without TuneGC)", s.name), fmt.Sprint(s.resident())))
	}
	return rows
}
