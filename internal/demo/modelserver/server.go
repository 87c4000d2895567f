package modelserver

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"strings"
	"sync"
	"time"
)

// HeaderTenant names the tenant a call is billed to; a gateway in front sets it. Without it the API key is the tenant.
const HeaderTenant = "X-Demo-Tenant"

// Options of a server. The zero value answers at once and never fails a call.
type Options struct {
	Seed    uint64
	Latency time.Duration // shortest time to answer; the longest is four times that
	// Of a thousand calls, how many are answered 429 and 500 without being billed.
	TooManyPerMille, FailedPerMille int
	OnBilled                        func(Billed) // called for every billed call; nil = nobody listens
}

// Server is the mock model server, an http.Handler.
type Server struct {
	opts   Options
	models map[string]Model
	truth  *Truth
	mux    *http.ServeMux

	mu     sync.Mutex
	counts map[string]uint64    // requests per tenant: the n of the n-th call
	cached map[uint64]time.Time // prompt prefixes seen, by hash
}

// New returns a server with an empty truth.
func New(opts Options) *Server {
	s := &Server{opts: opts, models: map[string]Model{}, truth: newTruth(), mux: http.NewServeMux(),
		counts: map[string]uint64{}, cached: map[uint64]time.Time{}}
	for _, m := range Models() {
		s.models[m.Name], s.models[m.Snapshot] = m, m
	}
	s.mux.HandleFunc("POST /v1/chat/completions", s.chat)
	s.mux.HandleFunc("POST /v1/embeddings", s.embeddings)
	s.mux.HandleFunc("POST /v1/messages", s.messages)
	s.mux.HandleFunc("GET /v1/models", s.listModels)
	s.mux.HandleFunc("GET /truth", s.showTruth)
	return s
}

// Truth is what this server has billed so far.
func (s *Server) Truth() *Truth { return s.truth }

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// call is one request on its way through the server.
type call struct {
	tenant string
	n      uint64
	dice   uint64 // decides fault, output and latency; a function of seed, tenant and n
	model  Model
	start  time.Time
}

// begin finds tenant and model and plays the faults. It has answered the client where ok is false.
func (s *Server) begin(w http.ResponseWriter, r *http.Request, model string) (c call, ok bool) {
	c = call{tenant: tenantOf(r), start: time.Now()}
	c.model, ok = s.models[model]
	if !ok {
		fail(w, r, http.StatusNotFound, "not_found_error", fmt.Sprintf("the model %q does not exist", model))
		return c, false
	}
	s.mu.Lock()
	s.counts[c.tenant]++
	c.n = s.counts[c.tenant]
	s.mu.Unlock()
	c.dice = dice(s.opts.Seed, c.tenant, c.n)
	switch roll := int(c.dice % 1000); {
	case roll < s.opts.TooManyPerMille:
		fail(w, r, http.StatusTooManyRequests, "rate_limit_error", "the model is busy, try again")
		return c, false
	case roll < s.opts.TooManyPerMille+s.opts.FailedPerMille:
		fail(w, r, http.StatusInternalServerError, "server_error", "the model had an error")
		return c, false
	}
	return c, true
}

// output draws how many tokens the model writes, at most limit where that is positive.
func (c *call) output(limit int64) (out, reasoning int64) {
	out = 40 + int64(c.dice>>16%320)
	if c.model.Reasoning {
		reasoning = int64(c.dice >> 32 % 512)
	}
	if limit > 0 {
		reasoning = min(reasoning, limit/2)
		out = min(out, limit-reasoning)
	}
	return out + reasoning, reasoning
}

// wait lets share of the call's latency pass; a client that goes away ends it early.
func (s *Server) wait(ctx context.Context, c *call, share float64) {
	whole := s.opts.Latency + s.opts.Latency*time.Duration(c.dice>>48%300)/100
	if whole <= 0 {
		return
	}
	t := time.NewTimer(time.Duration(share * float64(whole)))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// bill writes the call down. It is called before the answer is written, as providers bill what they have generated.
func (s *Server) bill(c *call, id string, u Usage) {
	b := Billed{At: time.Now(), Tenant: c.tenant, Model: c.model.Snapshot, ResponseID: id, Usage: u, Amount: c.model.Price.Bill(u)}
	s.truth.add(b)
	if s.opts.OnBilled != nil {
		s.opts.OnBilled(b)
	}
}

// prefixKnown reports whether the prompt prefix was sent before within ttl, and remembers it.
func (s *Server) prefixKnown(tenant, model, prefix string, ttl time.Duration) bool {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%s\x00%s\x00%s", tenant, model, prefix)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.cached) > 10_000 { // bounded; a lost prefix is only written again
		clear(s.cached)
	}
	seen, ok := s.cached[h.Sum64()]
	s.cached[h.Sum64()] = time.Now()
	return ok && time.Since(seen) < ttl
}

func (s *Server) listModels(w http.ResponseWriter, _ *http.Request) {
	type model struct {
		ID      string `json:"id"`
		Object  string `json:"object"`
		OwnedBy string `json:"owned_by"`
	}
	var list []model
	for _, m := range Models() {
		list = append(list, model{m.Name, "model", m.Provider})
	}
	answer(w, http.StatusOK, map[string]any{"object": "list", "data": list})
}

// showTruth gives the truth to other processes: amounts are decimal strings.
func (s *Server) showTruth(w http.ResponseWriter, _ *http.Request) {
	type bill struct {
		Calls  int64  `json:"calls"`
		Amount string `json:"amount_usd"`
	}
	tenants := map[string]bill{}
	for name, b := range s.truth.Tenants() {
		tenants[name] = bill{b.Calls, b.Amount.String()}
	}
	total := s.truth.Total()
	answer(w, http.StatusOK, map[string]any{"total": bill{total.Calls, total.Amount.String()}, "tenants": tenants})
}

func tenantOf(r *http.Request) string {
	if t := r.Header.Get(HeaderTenant); t != "" {
		return t
	}
	if k := r.Header.Get("X-Api-Key"); k != "" {
		return k
	}
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
}

// fail answers in the form of the API that was called.
func fail(w http.ResponseWriter, r *http.Request, status int, kind, message string) {
	body := map[string]any{"error": map[string]any{"message": message, "type": kind, "code": kind, "param": nil}}
	if r.URL.Path == "/v1/messages" {
		body = map[string]any{"type": "error", "error": map[string]any{"type": kind, "message": message}}
	}
	answer(w, status, body)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client went away: nothing to do
}

// dice is splitmix64 over the seed, the tenant and the call's number.
func dice(seed uint64, tenant string, n uint64) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(tenant))
	z := seed ^ h.Sum64() + n*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
