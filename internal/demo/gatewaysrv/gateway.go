package gatewaysrv

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/tollkeeper/tollkeeper/internal/demo/modelserver"
)

// HookPath is where throttle commands are posted.
const HookPath = "/hooks/throttle"

// Options of a gateway.
type Options struct {
	Upstream string            // base URL of the model server
	Keys     map[string]string // API key → tenant
	// Limit wraps the proxy with the limiter; tenantOf names the tenant of a request that reached it.
	Limit   func(next http.Handler, tenantOf func(*http.Request) string) http.Handler
	Webhook http.Handler // answers HookPath
	Log     *slog.Logger
}

// Count is what the gateway did with a tenant's requests.
type Count struct{ Passed, Refused int64 }

// Server is the gateway, an http.Handler. Close it to drop the connections to the model server.
type Server struct {
	keys      map[string]string
	mux       *http.ServeMux
	transport *http.Transport

	mu     sync.Mutex
	counts map[string]Count
}

// New checks the options and returns a gateway.
func New(opts Options) (*Server, error) {
	up, err := url.Parse(opts.Upstream)
	if err != nil || up.Host == "" {
		return nil, fmt.Errorf("upstream %q: want the model server's base URL, like http://127.0.0.1:9000", opts.Upstream)
	}
	if len(opts.Keys) == 0 || opts.Limit == nil || opts.Webhook == nil {
		return nil, errors.New("gateway: keys, limit and webhook are needed")
	}
	s := &Server{keys: opts.Keys, mux: http.NewServeMux(), counts: map[string]Count{},
		transport: &http.Transport{MaxIdleConnsPerHost: 128, IdleConnTimeout: 30 * time.Second}}
	proxy := &httputil.ReverseProxy{
		Transport:     s.transport,
		FlushInterval: -1, // streams go through frame by frame
		ErrorLog:      slog.NewLogLogger(opts.Log.Handler(), slog.LevelWarn),
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(up)
			p.Out.Header.Set(modelserver.HeaderTenant, s.tenantOf(p.In))
			p.Out.Header.Set("Authorization", "Bearer provider-key")
			p.Out.Header.Del("X-Api-Key")
		},
	}
	limited := opts.Limit(s.counting(proxy), s.tenantOf)
	s.mux.Handle("/v1/", s.authenticated(limited))
	s.mux.Handle(HookPath, opts.Webhook)
	s.mux.HandleFunc("GET /counts", s.showCounts)
	return s, nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Close drops idle connections to the model server.
func (s *Server) Close() { s.transport.CloseIdleConnections() }

// Counts returns what was passed and refused, by tenant.
func (s *Server) Counts() map[string]Count {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.counts)
}

func (s *Server) tenantOf(r *http.Request) string { return s.keys[keyOf(r)] }

// keyOf reads the API key as OpenAI's and Anthropic's clients send it.
func keyOf(r *http.Request) string {
	if k := r.Header.Get("X-Api-Key"); k != "" {
		return k
	}
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
}

// authenticated refuses unknown keys, and counts what the limiter behind it refuses: whatever didn't reach the proxy.
func (s *Server) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tenant := s.tenantOf(r)
		if tenant == "" {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"error":{"message":"unknown API key","type":"invalid_api_key"}}`))
			return
		}
		s.count(tenant, Count{Refused: 1})
		next.ServeHTTP(w, r)
	})
}

// counting takes a request that the limiter let through from the refused to the passed.
func (s *Server) counting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.count(s.tenantOf(r), Count{Passed: 1, Refused: -1})
		next.ServeHTTP(w, r)
	})
}

func (s *Server) count(tenant string, d Count) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counts[tenant]
	s.counts[tenant] = Count{c.Passed + d.Passed, c.Refused + d.Refused}
}

func (s *Server) showCounts(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s.Counts()) // the client went away: nothing to do
}
