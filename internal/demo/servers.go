package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/internal/demo/apps"
	"github.com/tollkeeper/tollkeeper/internal/demo/gatewaysrv"
	"github.com/tollkeeper/tollkeeper/internal/demo/modelserver"
)

// ServersOptions says where gateway and model server listen.
type ServersOptions struct {
	GatewayAddr string   // host:port, default 127.0.0.1:0, which takes a free port
	ModelAddr   string   // the same
	Secrets     []string // of the throttle webhook, whsec_…
	Seed        uint64
	OnCommand   func(gateway.Ack) // called for every throttle command the gateway took; nil = nobody listens
	Log         *slog.Logger
}

// Servers are the running gateway and the model server behind it.
type Servers struct {
	Model   *modelserver.Server
	Gateway *gatewaysrv.Server
	Limiter *gateway.Limiter

	GatewayURL string // what apps call
	ModelURL   string

	http []*http.Server
	done chan error // one value per server
}

// Faults and speed of the demo's model server: a call takes 60 to 240 ms; a few in a thousand fail.
const (
	modelLatency    = 60 * time.Millisecond
	tooManyPerMille = 6
	failedPerMille  = 6
)

// StartServers starts both; an address that is taken is an error that names it.
func StartServers(opts ServersOptions) (*Servers, error) {
	s := &Servers{done: make(chan error, 2)}
	s.Limiter = gateway.NewLimiter(gateway.LimiterOptions{OnCommand: opts.OnCommand})
	s.Model = modelserver.New(modelserver.Options{Seed: opts.Seed, Latency: modelLatency,
		TooManyPerMille: tooManyPerMille, FailedPerMille: failedPerMille,
		OnBilled: func(b modelserver.Billed) {
			s.Limiter.Charge(gateway.Tenant(b.Tenant), b.Usage.Input+b.Usage.Output, b.Amount)
		}})
	modelAt, err := listen("model server", opts.ModelAddr)
	if err != nil {
		return nil, err
	}
	s.ModelURL = "http://" + modelAt.Addr().String()
	if err := s.setUpGateway(opts); err != nil {
		return nil, errors.Join(err, modelAt.Close())
	}
	gatewayAt, err := listen("gateway", opts.GatewayAddr)
	if err != nil {
		return nil, errors.Join(err, modelAt.Close())
	}
	s.GatewayURL = "http://" + gatewayAt.Addr().String()
	s.serve(s.Model, modelAt, opts.Log)
	s.serve(s.Gateway, gatewayAt, opts.Log)
	return s, nil
}

func (s *Servers) setUpGateway(opts ServersOptions) error {
	webhook, err := s.Limiter.WebhookHandler(opts.Secrets)
	if err != nil {
		return fmt.Errorf("throttle webhook: %w", err)
	}
	s.Gateway, err = gatewaysrv.New(gatewaysrv.Options{Upstream: s.ModelURL, Keys: apps.Keys(apps.Profiles()),
		Limit: s.limit, Webhook: webhook, Log: opts.Log})
	return err
}

func (s *Servers) limit(next http.Handler, tenantOf func(*http.Request) string) http.Handler {
	return s.Limiter.Middleware(next, func(r *http.Request) gateway.Subject { return gateway.Tenant(tenantOf(r)) })
}

func listen(what, addr string) (net.Listener, error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%s on %s: %w; give another address", what, addr, err)
	}
	return l, nil
}

func (s *Servers) serve(h http.Handler, l net.Listener, log *slog.Logger) {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	s.http = append(s.http, srv)
	go func() { s.done <- srv.Serve(l) }()
}

// WebhookURL is where throttle commands go.
func (s *Servers) WebhookURL() string { return s.GatewayURL + gatewaysrv.HookPath }

// Close stops both: the gateway first, so that no call is cut. ctx bounds the wait for calls in flight.
func (s *Servers) Close(ctx context.Context) error {
	var errs []error
	for i := len(s.http) - 1; i >= 0; i-- {
		errs = append(errs, s.http[i].Shutdown(ctx))
	}
	for range s.http {
		if err := <-s.done; !errors.Is(err, http.ErrServerClosed) {
			errs = append(errs, err)
		}
	}
	s.Gateway.Close()
	return errors.Join(errs...)
}

// RunServers runs gateway and model server until ctx ends: the demo profile of docker-compose.yml.
func RunServers(ctx context.Context, opts ServersOptions) error {
	s, err := StartServers(opts)
	if err != nil {
		return err
	}
	opts.Log.Info("gateway and model server are up", "gateway", s.GatewayURL, "webhook", s.WebhookURL(), "model_server", s.ModelURL)
	<-ctx.Done()
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return s.Close(stop)
}
