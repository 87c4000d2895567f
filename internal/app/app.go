package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tollkeeper/tollkeeper/internal/config"
	"github.com/tollkeeper/tollkeeper/internal/telemetry"
	"github.com/tollkeeper/tollkeeper/schema"
)

// Roles says what runs in this process.
type Roles struct {
	Collector, Ingest, Rollup, Alerts, Viewer, Dashboards, API bool
	// Embedded servers are started where the configuration names no server, and the schema is applied.
	Embedded bool
}

// AllRoles is what `up` runs.
func AllRoles() Roles {
	return Roles{Collector: true, Ingest: true, Rollup: true, Alerts: true, Viewer: true, Dashboards: true, API: true, Embedded: true}
}

// OneRole runs the named role alone.
func OneRole(name string) Roles {
	return Roles{Collector: name == "collector", Ingest: name == "ingest", Rollup: name == "rollup", Alerts: name == "alerts",
		Viewer: name == "viewer", Dashboards: name == "dashboards", API: name == "api"}
}

// Kafka reports that one of the roles reads or writes Kafka.
func (r Roles) Kafka() bool { return r.Collector || r.Ingest || r.Embedded }

// Options are what Start is given.
type Options struct {
	Config  config.Config
	Roles   Roles
	Log     *slog.Logger
	Version string
	Now     func() time.Time // the clock of collector, ingest and rollup; nil: this host's
}

// App is the running product.
type App struct {
	Registry *prometheus.Registry

	opts       Options
	cfg        config.Config
	supervisor *supervisor
	http       *telemetry.Server
	dir        *DataDir
	trouble    func() string // why the embedded broker refuses records; nil: there is none
	otlpGRPC   string
	otlpHTTP   string
	viewer     string
	api        string
}

// How long the parts may take to start, and to drain when they are stopped.
const (
	startLimit = 60 * time.Second
	roleGrace  = 20 * time.Second
)

// Start starts everything that the roles need and the roles themselves, in the order of the data's way back to front,
// and returns when all are ready. A failure stops what was started and is returned.
func Start(ctx context.Context, opts Options) (*App, error) {
	a := &App{Registry: telemetry.NewRegistry(), opts: opts, cfg: opts.Config, supervisor: newSupervisor(opts.Log)}
	if err := a.start(ctx); err != nil {
		if stopErr := a.Stop(); stopErr != nil {
			opts.Log.Warn("stopping after a failed start", "error", stopErr)
		}
		return nil, err
	}
	return a, nil
}

func (a *App) start(ctx context.Context) error {
	if a.opts.Roles.Embedded && a.runsServers() { // first: who finds the directory in use learns that, not that its ports are
		if err := a.openDataDir(); err != nil {
			return err
		}
	}
	if err := a.probeListeners(ctx); err != nil {
		return err
	}
	server, err := telemetry.Listen(a.cfg.HTTP.Listen, a.cfg.HTTP.Hosts, a.Registry, a.opts.Log)
	if err != nil {
		return err
	}
	a.http = server
	var started atomic.Bool
	server.AddCheck("start", func(context.Context) error {
		if !started.Load() {
			return errors.New("servers, migrations and roles are being started")
		}
		return nil
	})
	a.supervisor.start(&part{name: "http", run: server.Run, grace: 5 * time.Second})
	if a.opts.Roles.Embedded {
		if err := a.startServers(ctx); err != nil {
			return err
		}
		if err := a.prepare(ctx); err != nil {
			return err
		}
	} else {
		a.cfg.UseServers(a.cfg.KafkaServers().Brokers, a.cfg.DatabaseURL())
	}
	if err := a.startRoles(ctx); err != nil {
		return err
	}
	started.Store(true)
	return nil
}

// prepare brings the database and the topics to what the roles need.
func (a *App) prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	opts := a.cfg.Schema
	opts.Log = a.opts.Log
	if _, err := schema.Apply(ctx, a.cfg.ClickHouse.URL, opts); err != nil {
		if a.opts.Config.ClickHouse.URL != "" {
			err = fmt.Errorf("%w; or leave clickhouse.url out: then up runs an engine of its own", err)
		}
		return fmt.Errorf("prepare the database: %w", err)
	}
	return nil
}

// run adds a role and waits until it is ready.
func (a *App) run(ctx context.Context, name string, run, ready func(context.Context) error) error {
	p := &part{name: name, run: run, ready: ready, grace: roleGrace}
	a.http.AddCheck(name, ready)
	a.supervisor.start(p)
	if !a.opts.Roles.Embedded {
		return nil // alone, a role waits for its servers for as long as it takes; /readyz tells
	}
	return a.supervisor.untilReady(ctx, p, startLimit)
}

// Wait blocks until ctx ends (nil) or a part fails.
func (a *App) Wait(ctx context.Context) error { return a.supervisor.wait(ctx) }

// Stop drains and stops everything, last started first.
func (a *App) Stop() error {
	err := a.supervisor.stop()
	if a.dir != nil {
		if closeErr := a.dir.Close(); err == nil {
			err = closeErr
		}
	}
	return err
}

// Config is the configuration in force, with the addresses of embedded servers filled in.
func (a *App) Config() config.Config { return a.cfg }

// OTLPGRPC and OTLPHTTP are where the collector listens, host:port.
func (a *App) OTLPGRPC() string { return a.otlpGRPC }

// OTLPHTTP is where OTLP over HTTP is received, host:port.
func (a *App) OTLPHTTP() string { return a.otlpHTTP }

// Viewer is where the viewer listens, host:port; empty if it does not run.
func (a *App) Viewer() string { return a.viewer }

// API is where the API of the reports listens, host:port; empty if it does not run.
func (a *App) API() string { return a.api }

// HTTP is where /metrics, /healthz and /readyz are served, host:port.
func (a *App) HTTP() string { return a.http.Addr() }

// Ready returns what is not ready, by part.
func (a *App) Ready(ctx context.Context) map[string]error { return a.http.Ready(ctx) }

// Summary says where everything is that the roles use, for a person.
func (a *App) Summary() string {
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %-12s %s\n", name, value)
		}
	}
	b.WriteString("Tollkeeper is running.\n")
	line("OTLP gRPC", a.otlpGRPC)
	if a.otlpHTTP != "" {
		line("OTLP HTTP", "http://"+a.otlpHTTP)
	}
	if t, err := schema.ParseURL(a.cfg.ClickHouse.URL); err == nil && (a.opts.Roles != OneRole("collector") || publishes(a.opts.Roles, a.cfg)) {
		line("ClickHouse", fmt.Sprintf("%s://%s (database %s, user %s)", t.Scheme, t.Host, t.Database, t.User))
	}
	if a.opts.Roles.Kafka() {
		line("Kafka", strings.Join(a.cfg.Kafka.Brokers, ","))
	}
	if a.viewer != "" {
		line("viewer", "http://"+a.viewer)
	}
	if a.api != "" {
		line("API", "http://"+a.api+"/v1/openapi.json")
	}
	line("metrics", "http://"+a.HTTP()+"/metrics")
	if a.dir != nil {
		line("data", a.dir.Path)
	}
	return b.String()
}
