package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Receiver is what takes commands behind a webhook: a Limiter, or a Keeper.
type Receiver interface {
	// Receive takes the command, or answers what is held in its place. ErrFull, ErrExpired, ErrLease, ErrUnsupported and
	// errors of Command.Validate are final or the sender's; any other error is answered 502 and tried again by the sender.
	Receive(ctx context.Context, cmd Command) (Ack, error)
	// Holds is what is held for the subject.
	Holds(ctx context.Context, s Subject) (State, error)
}

// Receive is Apply.
func (l *Limiter) Receive(_ context.Context, cmd Command) (Ack, error) { return l.Apply(cmd) }

// Holds is State.
func (l *Limiter) Holds(_ context.Context, s Subject) (State, error) { return l.State(s), nil }

// WebhookHandler is NewWebhook for this limiter.
func (l *Limiter) WebhookHandler(secrets []string) (http.Handler, error) {
	return NewWebhook(l, secrets, l.opts.Now)
}

// readWithin bounds how long a body of at most MaxBody bytes may take to arrive.
const readWithin = 10 * time.Second

// NewWebhook receives commands (POST) and answers state queries (GET ?tenant=acme&team=red). Answers: 200 with an Ack or
// State; 400 not a command; 401 not signed by one of the secrets, or stale; 405; 413 above MaxBody; 422 a command that this
// gateway will never take (expired, lease too long, invalid, unsupported); 502 what is behind it failed; 503 no room.
func NewWebhook(r Receiver, secrets []string, now func() time.Time) (http.Handler, error) {
	keys, err := NewKeys(secrets)
	if err != nil {
		return nil, fmt.Errorf("gateway webhook: %w", err)
	}
	return &webhook{r, keys, now}, nil
}

type webhook struct {
	to   Receiver
	keys Keys
	now  func() time.Time
}

// ServeHTTP answers one request.
func (h *webhook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodPost:
		h.receive(w, r)
	case http.MethodGet:
		h.answerState(w, r)
	default:
		w.Header().Set("Allow", "GET, POST")
		refuse(w, http.StatusMethodNotAllowed, fmt.Errorf("method %.20q: want POST or GET", r.Method))
	}
}

func (h *webhook) receive(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(readWithin)) // not every server can; then its own time-outs hold
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	if err != nil {
		status := http.StatusBadRequest
		if tooBig := (*http.MaxBytesError)(nil); errors.As(err, &tooBig) {
			status = http.StatusRequestEntityTooLarge
		}
		refuse(w, status, fmt.Errorf("read body: %w", err))
		return
	}
	if err := h.keys.Verify(r.Header, h.now(), DefaultTolerance, body); err != nil {
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
	if err := e.Data.Validate(); err != nil {
		refuse(w, http.StatusUnprocessableEntity, err)
		return
	}
	ack, err := h.to.Receive(r.Context(), e.Data)
	if err != nil {
		refuse(w, statusOf(err), err)
		return
	}
	answer(w, http.StatusOK, ack)
}

// statusOf maps a receiver's error.
func statusOf(err error) int {
	switch {
	case errors.Is(err, ErrFull):
		return http.StatusServiceUnavailable
	case errors.Is(err, ErrExpired), errors.Is(err, ErrLease), errors.Is(err, ErrUnsupported):
		return http.StatusUnprocessableEntity
	}
	return http.StatusBadGateway
}

func (h *webhook) answerState(w http.ResponseWriter, r *http.Request) {
	subject := subjectOf(r.URL.Query())
	if err := h.keys.Verify(r.Header, h.now(), DefaultTolerance, StatePayload(subject)); err != nil {
		refuse(w, http.StatusUnauthorized, err)
		return
	}
	s, err := h.to.Holds(r.Context(), subject)
	if err != nil {
		refuse(w, statusOf(err), err)
		return
	}
	answer(w, http.StatusOK, s)
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

// Middleware answers 429 with Retry-After and the reason where a command refuses the request, and passes every other
// request on. caller returns who calls, authenticated: the tenant and what else is known; tenant "" is never limited.
func (l *Limiter) Middleware(next http.Handler, caller func(*http.Request) Subject) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d := l.Allow(caller(r))
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
	e.Message = fmt.Sprintf("%s is throttled (%s, limit: %s): %s. Try again in %d s.", d.State.Subject, d.State.Level, d.Limit, d.State.Reason, seconds)
	if d.Shared {
		e.Code = "tollkeeper_fair_share"
		e.Message = fmt.Sprintf("%s has used its fair share of what this gateway passes (limit: %s). Try again in %d s.", d.State.Tenant, d.Limit, seconds)
	}
	e.Tenant, e.Level, e.Limit, e.Limits = d.State.Tenant, d.State.Level, d.Limit, d.State.Limits
	e.Rule, e.Reason, e.RetryAfter, e.Expires = d.State.Rule, d.State.Reason, seconds, d.State.Expires
	w.Header().Set("Retry-After", fmt.Sprint(seconds))
	answer(w, http.StatusTooManyRequests, body)
}
