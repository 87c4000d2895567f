package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// WebhookHandler receives commands (POST) and answers state queries (GET ?tenant=). Answers: 200 with an Ack or State;
// 400 not a command; 401 not signed by one of the secrets, or stale; 405; 413 above MaxBody; 422 a command that this
// gateway will never take (expired, lease too long, invalid); 503 no room.
func (l *Limiter) WebhookHandler(secrets []string) (http.Handler, error) {
	keys, err := NewKeys(secrets)
	if err != nil {
		return nil, fmt.Errorf("gateway webhook: %w", err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodPost:
			l.receive(w, r, keys)
		case http.MethodGet:
			l.answerState(w, r, keys)
		default:
			w.Header().Set("Allow", "GET, POST")
			refuse(w, http.StatusMethodNotAllowed, fmt.Errorf("method %s: want POST or GET", r.Method))
		}
	}), nil
}

func (l *Limiter) receive(w http.ResponseWriter, r *http.Request, keys Keys) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if err != nil {
		status := http.StatusBadRequest
		if tooBig := (*http.MaxBytesError)(nil); errors.As(err, &tooBig) {
			status = http.StatusRequestEntityTooLarge
		}
		refuse(w, status, fmt.Errorf("read body: %w", err))
		return
	}
	if err := keys.Verify(r.Header, l.opts.Now(), DefaultTolerance, body); err != nil {
		refuse(w, http.StatusUnauthorized, err)
		return
	}
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		refuse(w, http.StatusBadRequest, fmt.Errorf("not a command: %w", err))
		return
	}
	if e.Type != CommandType {
		refuse(w, http.StatusUnprocessableEntity, fmt.Errorf("type %.100q: this gateway understands %s", e.Type, CommandType))
		return
	}
	ack, err := l.Apply(e.Data)
	switch {
	case errors.Is(err, ErrFull):
		refuse(w, http.StatusServiceUnavailable, err)
	case err != nil:
		refuse(w, http.StatusUnprocessableEntity, err)
	default:
		answer(w, http.StatusOK, ack)
	}
}

func (l *Limiter) answerState(w http.ResponseWriter, r *http.Request, keys Keys) {
	tenant := r.URL.Query().Get("tenant")
	if err := keys.Verify(r.Header, l.opts.Now(), DefaultTolerance, StatePayload(tenant)); err != nil {
		refuse(w, http.StatusUnauthorized, err)
		return
	}
	answer(w, http.StatusOK, l.State(tenant))
}

func refuse(w http.ResponseWriter, status int, err error) {
	answer(w, status, map[string]string{"error": err.Error()})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may have gone; nothing to do about it
}

// throttled is the body of a 429, in the shape that OpenAI-compatible clients show to their users.
type throttled struct {
	Error struct {
		Type       string    `json:"type"`
		Code       string    `json:"code"`
		Message    string    `json:"message"`
		Tenant     string    `json:"tenant"`
		Level      Level     `json:"level"`
		Limit      string    `json:"limit"`
		Limits     Limits    `json:"limits"`
		Rule       string    `json:"rule"`
		Reason     string    `json:"reason"`
		RetryAfter int64     `json:"retry_after_seconds"`
		Expires    time.Time `json:"expires"`
	} `json:"error"`
}

// Middleware answers 429 with Retry-After and the reason where the tenant's command refuses the request, and passes
// every other request on. tenantOf returns the authenticated tenant; "" is never limited.
func (l *Limiter) Middleware(next http.Handler, tenantOf func(*http.Request) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tenant := tenantOf(r)
		d := l.Allow(tenant)
		if !d.Refused {
			next.ServeHTTP(w, r)
			return
		}
		WriteRefusal(w, d)
	})
}

// WriteRefusal writes the 429 of a refused decision, for gateways that call Allow themselves.
func WriteRefusal(w http.ResponseWriter, d Decision) {
	seconds := max(1, int64((d.RetryAfter+time.Second-1)/time.Second))
	var body throttled
	e := &body.Error
	e.Type, e.Code = "rate_limit_exceeded", "tollkeeper_throttle"
	e.Message = fmt.Sprintf("%s is throttled (%s, limit: %s): %s. Try again in %d s.", d.State.Tenant, d.State.Level, d.Limit, d.State.Reason, seconds)
	e.Tenant, e.Level, e.Limit, e.Limits = d.State.Tenant, d.State.Level, d.Limit, d.State.Limits
	e.Rule, e.Reason, e.RetryAfter, e.Expires = d.State.Rule, d.State.Reason, seconds, d.State.Expires
	w.Header().Set("Retry-After", fmt.Sprint(seconds))
	answer(w, http.StatusTooManyRequests, body)
}
