// Command show measures how long Tollkeeper takes from a call that crosses a budget to the gateway's 2xx for the
// throttle (DESIGN D10), through the real product on this machine: generator → collector → broker → ingest → engine →
// alerts → gateway, under a steady load, broken down by stage. `make reaction` runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/tollkeeper/tollkeeper/alerts"
	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/internal/app"
	"github.com/tollkeeper/tollkeeper/internal/config"
	engine "github.com/tollkeeper/tollkeeper/internal/embedded/clickhouse"
	"github.com/tollkeeper/tollkeeper/internal/goals"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// The goal of DESIGN D10, and the part of the wanted load that has to arrive for the measurement to mean something.
const (
	goalP99  = 5.0
	goalRate = 0.95
)

func main() {
	engine.RunChildIfAsked()
	asJSON := flag.Bool("json", os.Getenv("JSON") != "", "one JSON object per row")
	spikes := flag.Int("spikes", 100, "tenants that cross their budget, one after the other")
	rate := flag.Int("rate", 5000, "calls a second of other tenants meanwhile")
	every := flag.Duration("every", 700*time.Millisecond, "time between two spikes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if *spikes < 1 || *rate < 0 || *every <= 0 {
		fmt.Fprintln(os.Stderr, "reaction: want --spikes of at least 1, --rate of at least 0 and --every above 0")
		os.Exit(2)
	}
	if err := run(ctx, *spikes, *rate, *every, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "reaction:", err)
		os.Exit(1)
	}
}

// spiker is the name of a tenant that crosses its budget.
func spiker(i int) string { return fmt.Sprintf("spike-%03d", i) }

func run(ctx context.Context, spikes, rate int, every time.Duration, asJSON bool) (err error) {
	dir, err := os.MkdirTemp("", "tollkeeper-reaction-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	logFile, err := os.Create(filepath.Join(dir, "product.log"))
	if err != nil {
		return err
	}
	defer logFile.Close()
	hook, secret, closeHook, err := serveGateway()
	if err != nil {
		return err
	}
	defer closeHook()

	cfg := configFor(dir, hook, secret, spikes)
	progress("starting the product")
	a, err := app.Start(ctx, app.Options{Config: cfg, Roles: app.AllRoles(), Log: slog.New(slog.NewTextHandler(logFile, nil)), Version: "reaction"})
	if err != nil {
		return fmt.Errorf("start the product: %w", err)
	}
	defer func() { err = errors.Join(err, a.Stop()) }()
	l, err := newLoad(a.OTLPGRPC())
	if err != nil {
		return err
	}
	defer l.close()
	w, err := newWatch(a.Config().ClickHouse.URL)
	if err != nil {
		return err
	}
	defer w.close()
	if err := play(ctx, l, w, spikes, rate, every); err != nil {
		return errors.Join(err, tail(logFile.Name()))
	}
	rows, err := w.judge(ctx, l, spikes, rate)
	if err != nil {
		return err
	}
	return goals.Write(os.Stdout, "REACTION", rows, asJSON)
}

// serveGateway is a gateway: the real limiter behind its webhook.
func serveGateway() (hook, secret string, done func(), err error) {
	secret = gateway.NewSecret()
	limiter := gateway.NewLimiter(gateway.LimiterOptions{})
	h, err := limiter.WebhookHandler([]string{secret})
	if err != nil {
		return "", "", nil, err
	}
	at, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", "", nil, err
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.Serve(at) }() // ends with Close
	return "http://" + at.Addr().String(), secret, func() { _ = s.Close() }, nil
}

// configFor is the product as `tollkeeper up` runs it, on free ports, with a budget of one dollar a day for everybody.
func configFor(dir, hook, secret string, spikes int) config.Config {
	cfg := config.Default()
	cfg.DataDir = filepath.Join(dir, "data")
	const free = "127.0.0.1:0"
	cfg.HTTP.Listen, cfg.Kafka.Embedded.Listen, cfg.ClickHouse.Embedded.Listen, cfg.Viewer.Listen = free, free, free, free
	cfg.Collector.GRPC, cfg.Collector.HTTP = free, free
	b := alerts.Budget{Name: "day", Tenant: "*", Period: "day", Amount: alerts.USD(ledger.USD), Thresholds: []int{100}, Throttle: &alerts.Policy{Level: gateway.Block},
		Overrides: map[string]alerts.Decimal{}}
	for i := range backgroundTenants {
		b.Overrides[background(i)] = alerts.Decimal{}
	}
	cfg.Alerts.Budgets = []alerts.Budget{b}
	t := &cfg.Alerts.Throttle
	t.MaxTenants = spikes + 1
	for i := range spikes {
		t.Enforce = append(t.Enforce, spiker(i))
	}
	t.Gateway.Name, t.Gateway.URL, t.Gateway.Secrets, t.Gateway.AllowNetworks = "bench", hook, []string{secret}, []string{"127.0.0.0/8"}
	return cfg
}

// warmUp is how long the load runs before the first spike.
const warmUp = 20 * time.Second

// play runs the load and the spikes and waits for the last throttle.
func play(ctx context.Context, l *load, w *watch, spikes, rate int, every time.Duration) error {
	loading, quiet := context.WithCancel(ctx)
	l.run(loading, rate)
	defer l.wait()
	defer quiet()
	progress("load of %d calls/s, warming up for %s", rate, warmUp)
	if err := sleep(ctx, warmUp); err != nil {
		return err
	}
	watching, enough := context.WithCancel(ctx)
	w.run(watching)
	defer w.wait()
	defer enough()
	l.counting(true)
	progress("%d spikes, one every %s", spikes, every)
	for i := range spikes {
		if err := l.spike(ctx, spiker(i)); err != nil {
			return fmt.Errorf("spike %d: %w", i, err)
		}
		// Not in step with anything that runs every second or half a second.
		if err := sleep(ctx, every+time.Duration((i*37)%100)*time.Millisecond); err != nil {
			return err
		}
	}
	l.counting(false)
	progress("waiting for the last throttle")
	limit, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		n, err := w.acknowledged(limit)
		if err == nil && n >= spikes {
			return nil
		}
		if sleep(limit, 200*time.Millisecond) != nil {
			return errors.Join(fmt.Errorf("%d of %d spikes were throttled within a minute of the last", n, spikes), err, ctx.Err())
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, "· "+format+"\n", args...) }

// tail makes an error of the last words of the log.
func tail(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if size, err := f.Seek(0, io.SeekEnd); err == nil && size > 3000 {
		_, _ = f.Seek(-3000, io.SeekEnd) // else from the beginning
	} else {
		_, _ = f.Seek(0, io.SeekStart)
	}
	text, err := io.ReadAll(f)
	return errors.Join(err, fmt.Errorf("the product's last words:\n%s", text))
}

// quantile of unsorted seconds, by nearest rank.
func quantile(of []float64, q float64) float64 {
	if len(of) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(of))
	return s[min(len(s)-1, int(q*float64(len(s))))]
}

func machine() string {
	return fmt.Sprintf("%d cores (%s), with whatever else runs on it", runtime.NumCPU(), runtime.GOARCH)
}
