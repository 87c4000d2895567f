package app_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/tollkeeper/tollkeeper/internal/app"
	"github.com/tollkeeper/tollkeeper/internal/config"
	"github.com/tollkeeper/tollkeeper/schema"
)

// product is the whole of Tollkeeper running in this process, and clients of it.
type product struct {
	*app.App
	dir   string
	logs  *logBuffer
	conn  driver.Conn
	kafka *kgo.Client
	otlp  *grpc.ClientConn
}

// shared is the product that most tests use, each with tenants of its own: a start takes seconds.
var shared struct {
	sync.Mutex
	p    *product
	dir  string
	err  error
	free atomic.Int64 // bytes free on the broker's disk, as it is told
}

// running returns the shared product, started at the first call.
func running(t *testing.T) *product {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.dir == "" {
		shared.free.Store(math.MaxInt64)
		shared.dir, shared.err = os.MkdirTemp("", "tollkeeper-app-")
		if shared.err == nil {
			cfg := configFor(filepath.Join(shared.dir, "data"))
			cfg.Kafka.Embedded.Free = func(string) (int64, error) { return shared.free.Load(), nil }
			cfg.Kafka.Embedded.CheckEvery = 20 * time.Millisecond
			cfg.Collector.Sampling.Probability, cfg.Collector.Sampling.DecisionWait, cfg.Collector.Sampling.BudgetKiB = 1, 500*time.Millisecond, 0
			shared.p, shared.err = start(cfg, &logBuffer{})
		}
	}
	require.NoError(t, shared.err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the product's last words:\n%s", shared.p.logs.tail(8000))
		}
	})
	return shared.p
}

func stopShared() error {
	shared.Lock()
	defer shared.Unlock()
	if shared.dir == "" {
		return nil
	}
	defer os.RemoveAll(shared.dir)
	if shared.p == nil {
		return nil
	}
	return shared.p.stop()
}

// configFor is a product on free ports that rolls up at once.
func configFor(dir string) config.Config {
	cfg := config.Default()
	cfg.DataDir = dir
	const free = "127.0.0.1:0"
	cfg.HTTP.Listen, cfg.Kafka.Embedded.Listen, cfg.ClickHouse.Embedded.Listen, cfg.Viewer.Listen = free, free, free, free
	cfg.Collector.GRPC, cfg.Collector.HTTP = free, free
	cfg.Rollup.Minute, cfg.Rollup.Late, cfg.Rollup.Hour, cfg.Rollup.Day = "@every 1s", "@every 1s", "@every 3s", "@every 7s"
	return cfg
}

// start starts a product, or nothing.
func start(cfg config.Config, logs *logBuffer) (*product, error) {
	log := slog.New(slog.NewTextHandler(logs, nil))
	a, err := app.Start(context.Background(), app.Options{Config: cfg, Roles: app.AllRoles(), Log: log, Version: "test"})
	if err != nil {
		return nil, err
	}
	return clientsOf(a, logs)
}

// clientsOf adds clients to a running product.
func clientsOf(a *app.App, logs *logBuffer) (*product, error) {
	var err error
	p := &product{App: a, dir: a.Config().DataDir, logs: logs}
	if p.conn, err = schema.Open(a.Config().ClickHouse.URL); err == nil {
		p.otlp, err = grpc.NewClient(a.OTLPGRPC(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	}
	if err == nil {
		var opts []kgo.Opt
		cfg := a.Config()
		if opts, err = cfg.KafkaServers().Options(); err == nil {
			p.kafka, err = kgo.NewClient(append(opts, kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
		}
	}
	if err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

// stop stops the product and the clients.
func (p *product) stop() error { return errors.Join(p.Stop(), p.close()) }

// close closes the clients.
func (p *product) close() (err error) {
	if p.kafka != nil {
		p.kafka.Close()
	}
	if p.otlp != nil {
		err = p.otlp.Close()
	}
	return errors.Join(err, p.conn.Close())
}

// export sends traces once, as an SDK does over gRPC.
func (p *product) export(ctx context.Context, td ptrace.Traces) error {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	_, err := ptraceotlp.NewGRPCClient(p.otlp).Export(ctx, ptraceotlp.NewExportRequestFromTraces(td))
	return err
}

// enginePid is the process that runs the engine of the product in dir: the child of this process that works there. 0: none.
func enginePid(dir string) int {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		stat, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		_, rest, _ := bytes.Cut(stat, []byte(") ")) // state, parent, …
		fields := strings.Fields(string(rest))
		if len(fields) < 2 || fields[1] != strconv.Itoa(os.Getpid()) || fields[0] == "Z" {
			continue
		}
		cwd, _ := os.Readlink(filepath.Join(filepath.Dir(name), "cwd"))
		if strings.HasPrefix(cwd, dir+string(filepath.Separator)) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			return pid
		}
	}
	return 0
}

// logBuffer keeps what a product logs. on, if set, sees every line.
type logBuffer struct {
	mu   sync.Mutex
	text []byte
	on   func(line string)
}

func (b *logBuffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	b.text = append(b.text, line...)
	on := b.on
	b.mu.Unlock()
	if on != nil {
		on(string(line))
	}
	return len(line), nil
}

func (b *logBuffer) tail(n int) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.text[max(0, len(b.text)-n):])
}
