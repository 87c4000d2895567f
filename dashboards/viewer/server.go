package viewer

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/pricing"
	"github.com/tollkeeper/tollkeeper/schema"
)

//go:embed all:dist
var dist embed.FS

// Deps is what the viewer shows and acts through.
type Deps struct {
	ClickHouse string // URL of the ledger
	Log        *slog.Logger
	Book       func() (*pricing.Book, error)
	// Act does what a person wants of throttles and says what the gateway holds then. Nil: there is no gateway.
	Act      func(context.Context, Act) (string, error)
	Rules    func(context.Context) ([]Rule, error) // that are watched; nil: none are known
	OTLPGRPC string                                // where the collector listens, for the first steps' snippets; empty where it isn't known
	OTLPHTTP string
	Version  string
}

// Server is the viewer, listening.
type Server struct {
	cfg      Config
	deps     Deps
	target   schema.Target
	conn     driver.Conn
	client   *http.Client
	listener net.Listener
	server   *http.Server
}

// New opens the listener; Run serves.
func New(cfg Config, deps Deps) (*Server, error) {
	target, err := schema.ParseURL(deps.ClickHouse)
	if err != nil {
		return nil, err
	}
	conn, err := schema.Open(deps.ClickHouse)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, deps: deps, target: target, conn: conn, client: &http.Client{Timeout: queryLimit + 5*time.Second, Transport: &http.Transport{}}}
	if s.listener, err = net.Listen("tcp", cfg.Listen); err != nil {
		_ = conn.Close()
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("viewer.listen %s: the port is in use: stop the other program, or set another address (port 0 takes a free one, empty: no viewer)", cfg.Listen)
		}
		return nil, fmt.Errorf("viewer.listen %s: %w", cfg.Listen, err)
	}
	s.server = &http.Server{Handler: s.guard(s.routes()), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 2 * queryLimit,
		IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10}
	return s, nil
}

// Addr is the address in use, host:port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Ready says that it listens: pages say by themselves when the database doesn't answer.
func (s *Server) Ready(context.Context) error { return nil }

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	defer s.conn.Close()
	defer s.client.CloseIdleConnections()
	done := make(chan error, 1)
	go func() { done <- s.server.Serve(s.listener) }()
	select {
	case err := <-done:
		return fmt.Errorf("serve the viewer at %s: %w", s.Addr(), err)
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

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/boards", s.boards)
	mux.HandleFunc("GET /api/rows/{query...}", s.rows)
	mux.HandleFunc("GET /api/call/{trace}", s.call)
	mux.HandleFunc("GET /api/call/{trace}/{span}", s.call)
	mux.HandleFunc("GET /api/prices", s.prices)
	mux.HandleFunc("GET /api/rules", s.rules)
	mux.HandleFunc("POST /api/act", s.act)
	mux.HandleFunc("POST /api/login", s.login)
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, fmt.Errorf("no %s %s here", r.Method, r.URL.Path))
	})
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the folder is in the binary
	}
	mux.Handle("/", http.FileServerFS(files))
	return mux
}
