package apps

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// maxInFlight bounds an app's calls at one time; beyond it the app waits, as a worker pool would.
const maxInFlight = 64

// Counts is what an app did. Made = OK + Refused + Failed once it has stopped.
type Counts struct {
	Made    int64 // requests to a model sent
	OK      int64 // answered with 200
	Refused int64 // answered with 429, by the gateway or by the model server
	Failed  int64 // anything else
}

// Add returns the sum of both.
func (c Counts) Add(o Counts) Counts {
	return Counts{c.Made + o.Made, c.OK + o.OK, c.Refused + o.Refused, c.Failed + o.Failed}
}

// Options of an app.
type Options struct {
	Gateway string // base URL
	OTLP    string // host:port of the collector's gRPC receiver
	Seed    uint64
	Log     *slog.Logger
}

// App is one running simulated app.
type App struct {
	profile Profile
	client  *client
	tracing *tracing
	log     *slog.Logger
	seed    uint64
	pace    atomic.Uint64 // float64 bits: factor on the profile's rate

	made, ok, refused, failed atomic.Int64
}

// New sets the app up; nothing is sent before Run.
func New(ctx context.Context, p Profile, opts Options) (*App, error) {
	t, err := newTracing(ctx, p, opts.OTLP, opts.Gateway)
	if err != nil {
		return nil, fmt.Errorf("app of %s: %w", p.Tenant, err)
	}
	a := &App{profile: p, client: newClient(opts.Gateway, p.Key), tracing: t, log: opts.Log, seed: opts.Seed}
	a.SetPace(1)
	return a, nil
}

// Tenant is the app's tenant.
func (a *App) Tenant() string { return a.profile.Tenant }

// SetPace makes the app work factor times as fast as in quiet times; 0 stops it.
func (a *App) SetPace(factor float64) { a.pace.Store(math.Float64bits(factor)) }

// Counts returns what the app has done so far.
func (a *App) Counts() Counts {
	return Counts{a.made.Load(), a.ok.Load(), a.refused.Load(), a.failed.Load()}
}

// Run does the app's work until ctx ends, then waits for the calls in flight. Close must follow.
func (a *App) Run(ctx context.Context) {
	const beat = 20 * time.Millisecond
	tick := time.NewTicker(beat)
	defer tick.Stop()
	slots := make(chan struct{}, maxInFlight)
	var flying sync.WaitGroup
	defer flying.Wait()
	rng := rand.New(rand.NewPCG(a.seed, 1))
	// What is due grows with real time, so that a slow machine doesn't slow the app; it is bounded, so that a pause
	// doesn't make a burst.
	due, last, n := rng.Float64(), time.Now(), 0
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			rate := a.profile.Rate * math.Float64frombits(a.pace.Load())
			due = min(due+now.Sub(last).Seconds()*rate, max(1, rate/4))
			last = now
		}
		for ; due >= 1; due-- {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			n++
			job := a.job(n)
			flying.Go(func() {
				defer func() { <-slots }()
				// A call once sent is waited for: the model server bills it.
				job(context.WithoutCancel(ctx))
			})
		}
	}
}

// Close exports the spans that are left and frees the app's connections.
func (a *App) Close(ctx context.Context) error {
	a.client.close()
	return a.tracing.close(ctx, a.log)
}

// job draws the app's n-th task.
func (a *App) job(n int) func(context.Context) {
	rng := rand.New(rand.NewPCG(a.seed, uint64(n)+2))
	weights := 0
	for _, t := range a.profile.Tasks {
		weights += t.Weight
	}
	roll := rng.IntN(weights)
	for _, t := range a.profile.Tasks {
		if roll -= t.Weight; roll < 0 {
			return func(ctx context.Context) { a.do(ctx, t, n, rng) }
		}
	}
	panic("unreachable: the roll is below the sum of weights")
}

// do carries one task out. Errors are what the spans report; an app goes on.
func (a *App) do(ctx context.Context, t Task, n int, rng *rand.Rand) {
	system := prompt(a.profile, t, n)
	switch t.Kind {
	case KindEmbed:
		var texts []string
		for range 1 + rng.IntN(4) {
			texts = append(texts, turn(rng, t.Turn))
		}
		a.call(ctx, "embeddings", "openai", t, func(ctx context.Context) (reply, error) { return a.client.embed(ctx, t, texts) })
	case KindMessages:
		user := turn(rng, t.Turn)
		a.call(ctx, "chat", "anthropic", t, func(ctx context.Context) (reply, error) {
			return a.client.messages(ctx, t, system, user)
		})
	case KindAgent:
		a.agent(ctx, t, system, rng)
	default:
		_ = a.chat(ctx, t, []message{{"system", system}, {"user", turn(rng, t.Turn)}})
	}
}

func (a *App) chat(ctx context.Context, t Task, messages []message) error {
	return a.call(ctx, "chat", "openai", t, func(ctx context.Context) (reply, error) { return a.client.chat(ctx, t, messages) })
}

// call makes one request to a model inside its span and counts it.
func (a *App) call(ctx context.Context, operation, provider string, t Task, send func(context.Context) (reply, error)) error {
	ctx, span := a.tracing.startCall(ctx, operation, provider, t)
	a.made.Add(1)
	r, err := send(ctx)
	a.tracing.endCall(span, r, err)
	switch status := (statusError{}); {
	case err == nil:
		a.ok.Add(1)
	case errors.As(err, &status) && status.code == http.StatusTooManyRequests:
		a.refused.Add(1)
	default:
		a.failed.Add(1)
		a.log.Debug("call failed", "tenant", a.profile.Tenant, "error", err)
	}
	return err
}

// agent is a small agent: it asks the model, runs a tool, and asks again with all that was said; its spans for itself and
// for the tool are not billable.
func (a *App) agent(ctx context.Context, t Task, system string, rng *rand.Rand) {
	ctx, span := a.tracing.tracer.Start(ctx, "invoke_agent ticket-triage", trace.WithAttributes(
		attribute.String("gen_ai.operation.name", "invoke_agent"), attribute.String("gen_ai.agent.name", "ticket-triage")))
	defer span.End()
	history := []message{{"system", system}, {"user", turn(rng, t.Turn)}}
	for step := range 2 {
		if a.chat(ctx, t, history) != nil {
			return
		}
		if step == 0 {
			_, tool := a.tracing.tracer.Start(ctx, "execute_tool lookup_ticket", trace.WithAttributes(
				attribute.String("gen_ai.operation.name", "execute_tool"), attribute.String("gen_ai.tool.name", "lookup_ticket")))
			history = append(history, message{"assistant", "look the ticket up"}, message{"user", turn(rng, t.Turn)})
			tool.End()
		}
	}
}

// prompt is the task's system prompt at the n-th call: the same text again and again, so that providers cache it, until
// it is renewed.
func prompt(p Profile, t Task, n int) string {
	version := 0
	if t.Renews > 0 {
		version = n / t.Renews
	}
	head := fmt.Sprintf("You are %s of %s, prompt version %d. ", p.Service, p.Tenant, version)
	rng := rand.New(rand.NewPCG(uint64(t.System), uint64(version)))
	return head + words(rng, max(0, t.System-len(head)))
}

// turn is a user's text of about n bytes; n differs by up to a half.
func turn(rng *rand.Rand, n int) string { return words(rng, n/2+rng.IntN(n+1)) }

// words is text of size bytes.
func words(rng *rand.Rand, size int) string {
	const stock = "invoice shipment refund contract clause delay customer ticket answer policy search index label parcel "
	var b strings.Builder
	for b.Len() < size {
		at := rng.IntN(len(stock) / 2)
		b.WriteString(stock[at:min(len(stock), at+1+size-b.Len())])
	}
	return b.String()
}
