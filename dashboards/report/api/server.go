package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
)

// Keys knows who holds a token.
type Keys interface {
	// Find is the tenant of a valid token and the token's public id.
	Find(token string, now time.Time) (tenant, id string, ok bool)
}

// Deps is what the API reads from.
type Deps struct {
	Log     *slog.Logger
	Metrics prometheus.Registerer // nil: none
	Keys    Keys
	// Open connects to read one tenant's rows and nothing else.
	Open func(tenant string) (driver.Conn, error)
	Now  func() time.Time // nil: time.Now
}

// Bounds.
const (
	queryLimit  = 30 * time.Second
	concurrent  = 4   // questions to the database at once
	mostClients = 512 // tenants with a connection, tokens with a rate
	strangers   = 10  // requests without a valid token per second, of all together
)

// Server is the API, listening.
type Server struct {
	cfg      Config
	deps     Deps
	listener net.Listener
	server   *http.Server
	slots    chan struct{}
	refused  *rate.Limiter
	requests *prometheus.HistogramVec

	mu     sync.Mutex
	conns  map[string]driver.Conn
	limits map[string]*rate.Limiter
}

// New opens the listener; Run serves.
func New(cfg Config, deps Deps) (*Server, error) {
	if deps.Now == nil {
		deps.Now = time.Now
	}
	s := &Server{cfg: cfg, deps: deps, slots: make(chan struct{}, concurrent), refused: rate.NewLimiter(strangers, strangers), requests: newRequests(),
		conns: map[string]driver.Conn{}, limits: map[string]*rate.Limiter{}}
	if deps.Metrics != nil {
		if err := deps.Metrics.Register(s.requests); err != nil {
			return nil, fmt.Errorf("register the API's metrics: %w", err)
		}
	}
	var err error
	if s.listener, err = net.Listen("tcp", cfg.Listen); err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("api.listen %s: the port is in use: stop the other program, or set another address (port 0 takes a free one)", cfg.Listen)
		}
		return nil, fmt.Errorf("api.listen %s: %w", cfg.Listen, err)
	}
	s.server = &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: queryLimit + 10*time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(deps.Log.Handler(), slog.LevelDebug)}
	return s, nil
}

// Addr is the address in use, host:port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Ready says that it listens.
func (s *Server) Ready(context.Context) error { return nil }

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	defer s.close()
	done := make(chan error, 1)
	go func() { done <- s.server.Serve(s.listener) }()
	select {
	case err := <-done:
		return fmt.Errorf("serve the API at %s: %w", s.Addr(), err)
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

func (s *Server) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		_ = c.Close()
	}
	clear(s.conns)
}

// conn is the tenant's connection. One that goes to make room is closed when its last question has been answered.
func (s *Server) conn(tenant string) (driver.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.conns[tenant]; c != nil {
		return c, nil
	}
	if len(s.conns) >= mostClients {
		for name, c := range s.conns {
			delete(s.conns, name)
			time.AfterFunc(2*queryLimit, func() { _ = c.Close() })
			break
		}
	}
	c, err := s.deps.Open(tenant)
	if err == nil {
		s.conns[tenant] = c
	}
	return c, err
}

// limit is the rate of a token.
func (s *Server) limit(id string) *rate.Limiter {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.limits[id]; l != nil {
		return l
	}
	if len(s.limits) >= mostClients {
		for name, l := range s.limits {
			if l.TokensAt(s.deps.Now()) >= float64(s.cfg.Burst) { // as good as new
				delete(s.limits, name)
			}
		}
	}
	l := rate.NewLimiter(rate.Limit(s.cfg.PerSecond), s.cfg.Burst)
	s.limits[id] = l
	return l
}
