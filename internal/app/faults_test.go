package app_test

import (
	"context"
	"math"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tollkeeper/tollkeeper/internal/config"
)

// killEngine ends the engine of the product in dir as a crash does, and returns which process that was.
func killEngine(t *testing.T, dir string) (pid int) {
	t.Helper()
	require.Eventually(t, func() bool { pid = enginePid(dir); return pid != 0 }, aWhile, aMoment, "no engine in %s", dir)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	return pid
}

// traffic sends good calls from several clients at once until it is stopped, and counts those that were acknowledged. A refusal
// is tried again with the same span, as an SDK does.
type traffic struct {
	acked   atomic.Int64
	refused atomic.Int64
	stop    context.CancelFunc
	done    sync.WaitGroup
	mu      sync.Mutex
	bad     error // a refusal that tells the client to give up
}

func send(t *testing.T, p *product, tenant string) *traffic {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	tr := &traffic{stop: cancel}
	for range 4 {
		tr.done.Go(func() {
			for ctx.Err() == nil {
				tr.one(ctx, p, tenant)
			}
		})
	}
	t.Cleanup(func() { tr.end(t) })
	return tr
}

// one sends one call until it is acknowledged, also after the end of ctx: what was begun is finished.
func (tr *traffic) one(ctx context.Context, p *product, tenant string) {
	td := goodCall(tenant)
	for deadline := time.Now().Add(aWhile); time.Now().Before(deadline); {
		err := p.export(context.WithoutCancel(ctx), td)
		if err == nil {
			tr.acked.Add(1)
			break
		}
		tr.refused.Add(1)
		if status.Code(err) != codes.Unavailable && status.Code(err) != codes.DeadlineExceeded {
			tr.mu.Lock()
			tr.bad = err
			tr.mu.Unlock()
		}
		time.Sleep(aMoment)
	}
	time.Sleep(aMoment / 5)
}

// end stops the traffic and gives how many calls were acknowledged.
func (tr *traffic) end(t *testing.T) int {
	t.Helper()
	tr.stop()
	tr.done.Wait()
	require.NoError(t, tr.bad, "a refusal that loses the call")
	return int(tr.acked.Load())
}

// more waits until n further calls were acknowledged.
func (tr *traffic) more(t *testing.T, n int64) {
	t.Helper()
	want := tr.acked.Load() + n
	require.Eventually(t, func() bool { return tr.acked.Load() >= want }, aWhile, aMoment, "calls are not acknowledged")
}

// The engine dies again and again in the middle of traffic. Clients don't notice, and every call is there once.
func TestEngineKilledInTheMiddleOfTraffic(t *testing.T) {
	p := running(t)
	tr := send(t, p, "engine-killed")
	for range 3 {
		tr.more(t, 60)
		before := killEngine(t, p.dir)
		require.Eventually(t, func() bool { pid := enginePid(p.dir); return pid != 0 && pid != before }, aWhile, aMoment, "it is not started again")
	}
	tr.more(t, 60)
	n := tr.end(t)
	require.Zero(t, tr.refused.Load(), "the money path needs no database")
	p.wantTotal(t, "engine-killed", n)
	p.wantSpendLikeCalls(t)
	require.Contains(t, p.logs.tail(math.MaxInt), "engine stopped, starting it again")
	require.Eventually(t, func() bool { return len(p.Ready(context.Background())) == 0 }, aWhile, aMoment)
}

// A disk that fills up: clients are told to come back, nothing that was acknowledged is lost, and when there is room again the
// calls that waited arrive.
func TestFullDisk(t *testing.T) {
	p := running(t)
	tr := send(t, p, "full-disk")
	tr.more(t, 40)
	shared.free.Store(1 << 20)
	t.Cleanup(func() { shared.free.Store(math.MaxInt64) })
	require.Eventually(t, func() bool { return p.Ready(context.Background())["kafka"] != nil }, aWhile, aMoment)
	for _, part := range []string{"free disk space", "1 MiB free at /", "512 MiB have to stay (kafka.embedded.min_free)", "until 576 MiB are"} {
		require.ErrorContains(t, p.Ready(context.Background())["kafka"], part)
	}
	refused := tr.refused.Load()
	err := p.export(t.Context(), goodCall("full-disk-told"))
	require.Equal(t, codes.Unavailable, status.Code(err), "%v", err)
	require.Eventually(t, func() bool { return tr.refused.Load() > refused }, aWhile, aMoment, "clients are not told")
	require.ErrorContains(t, err, "the disk of its embedded broker is nearly full", "it is told why")
	require.NotContains(t, err.Error(), "/", "and no path")
	t.Logf("a client reads: %v", err)
	atFull := int(tr.acked.Load())
	p.wantDrained(t)
	require.GreaterOrEqual(t, int(p.calls(t)["full-disk"].Calls), atFull, "acknowledged before the disk was full")

	shared.free.Store(math.MaxInt64)
	tr.more(t, 40)
	n := tr.end(t)
	p.wantTotal(t, "full-disk", n)
	require.Empty(t, p.Ready(context.Background()))
}

// A port that is in use is an error that names it and the remedy, and leaves nothing behind: with the port free the same data
// directory starts. A second product on it is refused by name. What was acknowledged is there after a stop and a start.
func TestPortsInUseThenStopAndStart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	for name, listen := range map[string]func(*config.Config) *string{
		"http.listen":         func(c *config.Config) *string { return &c.HTTP.Listen },
		"viewer.listen":       func(c *config.Config) *string { return &c.Viewer.Listen },
		"kafka.embedded":      func(c *config.Config) *string { return &c.Kafka.Embedded.Listen },
		"clickhouse.embedded": func(c *config.Config) *string { return &c.ClickHouse.Embedded.Listen },
		"collector.grpc":      func(c *config.Config) *string { return &c.Collector.GRPC },
		"collector.http":      func(c *config.Config) *string { return &c.Collector.HTTP },
	} {
		t.Run(name, func(t *testing.T) {
			taken, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			defer taken.Close()
			cfg := configFor(dir)
			*listen(&cfg) = taken.Addr().String()
			_, err = start(cfg, &logBuffer{})
			t.Log(err)
			require.ErrorContains(t, err, taken.Addr().String())
			require.ErrorContains(t, err, name, "the key")
			require.ErrorContains(t, err, "in use")
			require.Regexp(t, "port 0|free", err.Error(), "the remedy")
			require.Zero(t, enginePid(dir), "the engine is left")
		})
	}

	p, err := start(configFor(dir), &logBuffer{})
	require.NoError(t, err)
	_, err = start(configFor(dir), &logBuffer{})
	require.ErrorContains(t, err, dir+" is in use by another tollkeeper")
	tr := send(t, p, "restarted")
	tr.more(t, 40)
	n := tr.end(t)
	require.NoError(t, p.stop())
	require.Zero(t, enginePid(dir), "the engine is left")

	p, err = start(configFor(dir), &logBuffer{})
	require.NoError(t, err)
	defer func() { require.NoError(t, p.stop()) }()
	p.wantTotal(t, "restarted", n)
	require.NoError(t, p.export(t.Context(), goodCall("restarted")))
	p.wantTotal(t, "restarted", n+1)
}

// The engine dies while ingest is starting: the start waits for it, and the product works.
func TestEngineKilledWhileIngestStarts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	var once sync.Once
	killed := 0
	logs := &logBuffer{on: func(line string) {
		if strings.Contains(line, "role=ingest") {
			once.Do(func() {
				killed = enginePid(dir)
				_ = syscall.Kill(killed, syscall.SIGKILL)
			})
		}
	}}
	p, err := start(configFor(dir), logs)
	require.NoError(t, err)
	defer func() { require.NoError(t, p.stop()) }()
	require.NotZero(t, killed)
	require.NoError(t, p.export(t.Context(), goodCall("early")))
	p.wantTotal(t, "early", 1)
}
