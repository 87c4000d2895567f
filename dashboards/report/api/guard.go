package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"golang.org/x/time/rate"
)

// question is a request that may be answered.
type question struct {
	tenant string
	conn   driver.Conn
	params map[string]string
}

// problem is an answer other than 200.
type problem struct {
	status int
	err    error
	retry  time.Duration
}

func (p *problem) Error() string { return p.err.Error() }

func bad(format string, args ...any) *problem {
	return &problem{status: http.StatusBadRequest, err: fmt.Errorf(format, args...)}
}

// Handler is the whole API.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, e := range endpoints {
		mux.HandleFunc("GET "+e.path, s.measured(e.path, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, e) }))
	}
	mux.HandleFunc("GET /v1/openapi.json", s.measured("/v1/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(description)
	}))
	mux.HandleFunc("/", s.measured("other", func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			s.fail(w, &problem{status: http.StatusMethodNotAllowed, err: errors.New("this API is read-only: use GET")})
			return
		}
		s.fail(w, &problem{status: http.StatusNotFound, err: errors.New("nothing here; /v1/openapi.json says what there is")})
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		mux.ServeHTTP(w, r)
	})
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, e endpoint) {
	answer, err := s.answer(r, e)
	if err != nil {
		s.fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(answer); err != nil {
		s.deps.Log.Debug("the API's answer was not taken", "error", err)
	}
}

func (s *Server) answer(r *http.Request, e endpoint) (any, error) {
	tenant, err := s.admit(r)
	if err != nil {
		return nil, err
	}
	q := question{tenant: tenant, params: map[string]string{}}
	for name, values := range r.URL.Query() {
		if !slices.Contains(e.params, name) {
			return nil, bad("parameter %q: this path takes %s; whose numbers they are follows from the token", name, strings.Join(e.params, ", "))
		}
		if len(values) != 1 {
			return nil, bad("parameter %q: give it once", name)
		}
		q.params[name] = values[0]
	}
	ctx, cancel := context.WithTimeout(r.Context(), queryLimit)
	defer cancel()
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return nil, &problem{status: http.StatusServiceUnavailable, err: errors.New("too many questions at once: try again"), retry: time.Second}
	}
	if q.conn, err = s.conn(tenant); err != nil {
		return nil, err
	}
	return e.answer(ctx, s, q)
}

// admit finds the tenant that a request is of. Nothing that the request says can name another.
func (s *Server) admit(r *http.Request) (tenant string, err error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	id := ""
	if ok && len(r.Header.Values("Authorization")) == 1 {
		tenant, id, ok = s.deps.Keys.Find(token, s.deps.Now())
	}
	if !ok || id == "" {
		if err := take(s.refused, s.deps.Now()); err != nil {
			return "", err
		}
		return "", &problem{status: http.StatusUnauthorized, err: errors.New("give a valid token: Authorization: Bearer tk_…")}
	}
	return tenant, take(s.limit(id), s.deps.Now())
}

func take(l *rate.Limiter, now time.Time) error {
	r := l.ReserveN(now, 1)
	if wait := r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		return &problem{status: http.StatusTooManyRequests, err: errors.New("too many requests"), retry: wait}
	}
	return nil
}

// fail tells what is wrong. What the database says stays in the log: it may tell of others.
func (s *Server) fail(w http.ResponseWriter, err error) {
	p := &problem{}
	if !errors.As(err, &p) {
		s.deps.Log.Warn("the API could not read the ledger", "error", err)
		p = &problem{status: http.StatusBadGateway, err: errors.New("the ledger could not be read; the operator's log says why")}
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if p.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="tollkeeper"`)
	}
	if p.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.retry.Seconds()))))
	}
	w.WriteHeader(p.status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": p.Error()})
}
