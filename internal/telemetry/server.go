package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Check answers nil when the part it stands for is ready to work, else why not.
type Check func(context.Context) error

// Server serves GET /metrics, /healthz (200 while the process lives) and /readyz (200 when every check passes, else
// 503; the body names each part and its state as JSON). Under a name that isn't its own it serves /healthz only.
type Server struct {
	Registry *prometheus.Registry

	log      *slog.Logger
	hosts    []string
	listener net.Listener
	server   *http.Server
	mu       sync.Mutex
	checks   map[string]Check
}

// NewRegistry returns a registry with the Go runtime's and the process's own metrics.
func NewRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Listen opens the address; port 0 takes a free one. Hosts are the names under which it may be asked, beside this machine's own
// and any address.
func Listen(address string, hosts []string, registry *prometheus.Registry, log *slog.Logger) (*Server, error) {
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("http.listen %s: the port is in use: stop the other program, or set another address (port 0 takes a free one)", address)
	}
	if err != nil {
		return nil, fmt.Errorf("http.listen %s: %w", address, err)
	}
	s := &Server{Registry: registry, log: log, hosts: append([]string{"localhost"}, hosts...), listener: l, checks: map[string]Check{}}
	if own, err := os.Hostname(); err == nil {
		s.hosts = append(s.hosts, own)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.guard(promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.Handle("GET /readyz", s.guard(http.HandlerFunc(s.ready)))
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute, IdleTimeout: time.Minute}
	return s, nil
}

// guard refuses names that aren't ours. A page of another site can have its own name resolve to this machine (DNS rebinding) and then
// read, in a browser on it, who spends how much. It can't do that with an address, so that probes and scrapers by address need
// no setting.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		host = strings.Trim(host, "[]")
		known := func(name string) bool { return strings.EqualFold(name, host) }
		if _, err := netip.ParseAddr(host); err != nil && !slices.ContainsFunc(s.hosts, known) {
			http.Error(w, "not served under that name: ask by address, or add the name to http.hosts", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Addr is the address in use, host:port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// AddCheck makes a part's readiness count.
func (s *Server) AddCheck(name string, check Check) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checks[name] = check
}

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- s.server.Serve(s.listener) }()
	select {
	case err := <-done:
		return fmt.Errorf("serve %s: %w", s.Addr(), err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := s.server.Shutdown(stop); err != nil {
		_ = s.server.Close()
	}
	<-done
	return nil
}

// Ready runs every check and returns what is not ready, by part; empty means ready.
func (s *Server) Ready(ctx context.Context) map[string]error {
	s.mu.Lock()
	checks := make(map[string]Check, len(s.checks))
	for name, c := range s.checks {
		checks[name] = c
	}
	s.mu.Unlock()
	bad := map[string]error{}
	for name, c := range checks {
		if err := c(ctx); err != nil {
			bad[name] = err
		}
	}
	return bad
}

func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second)
	defer cancel()
	bad := s.Ready(ctx)
	parts := map[string]string{}
	s.mu.Lock()
	for name := range s.checks {
		parts[name] = "ready"
	}
	s.mu.Unlock()
	names := make([]string, 0, len(bad))
	for name, err := range bad {
		parts[name] = ErrorText(err)
		names = append(names, name)
	}
	sort.Strings(names)
	w.Header().Set("Content-Type", "application/json")
	if len(bad) > 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"ready": len(bad) == 0, "not_ready": names, "parts": parts})
}
