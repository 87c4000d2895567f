package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/google/uuid"

	"github.com/tollkeeper/tollkeeper/gateway"
)

// Bounds of a receiver's box.
const (
	boxSize   = 1000
	batchSize = 50
	mostWait  = 5 * time.Minute // between attempts
)

// What came of a message at a receiver.
const (
	Sent    = "sent"
	Failed  = "failed"  // it is tried again
	Refused = "refused" // for good
	Expired = "expired" // it failed until GiveUpAfter
	Dropped = "dropped" // the box was full
)

// Report says what came of one message at one receiver; Outcome isn't Failed.
type Report struct {
	Episode  uuid.UUID
	Sequence uint32
	Receiver string
	Outcome  string
	Reason   string // empty if it was sent
}

// Boxes are all receivers of a configuration.
type Boxes struct {
	all     []*box
	client  *http.Client
	reports chan Report
}

// Options of New.
type Options struct {
	Log   *slog.Logger
	Now   func() time.Time
	Count func(receiver, outcome string) // told every attempt's outcome
}

// New makes the boxes of a valid configuration. Nothing is sent before Run.
func New(cfg Config, opts Options) (*Boxes, error) {
	receivers, client, err := cfg.receivers(opts.Now)
	if err != nil {
		return nil, err
	}
	b := &Boxes{client: client, reports: make(chan Report)}
	for _, r := range receivers {
		b.all = append(b.all, &box{receiver: r, cfg: cfg, opts: opts, queue: make(chan *Message, boxSize), reports: b.reports})
	}
	return b, nil
}

// Reports is where outcomes come from; somebody has to read it while Run runs.
func (b *Boxes) Reports() <-chan Report { return b.reports }

// Run delivers until ctx ends. What isn't delivered by then is not reported: it is to be put in again after a restart.
func (b *Boxes) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, x := range b.all {
		all.Go(func() { x.run(ctx) })
	}
	all.Wait()
	b.client.CloseIdleConnections()
}

// Takers names the receivers that are told of a message.
func (b *Boxes) Takers(m *Message) (names []string) {
	for _, x := range b.all {
		if x.receiver.takes(m) {
			names = append(names, x.receiver.name())
		}
	}
	return names
}

// Put hands a message to the named receiver; full is the report of a box that is full.
func (b *Boxes) Put(receiver string, m Message) (full *Report) {
	for _, x := range b.all {
		if x.receiver.name() != receiver {
			continue
		}
		m.queued = time.Now()
		select {
		case x.queue <- &m:
		default:
			x.opts.Count(receiver, Dropped)
			x.opts.Log.Error("notification dropped: the receiver's queue is full", "receiver", receiver, "episode", m.Episode, "queued", boxSize)
			return &Report{m.Episode, m.Sequence, receiver, Dropped, fmt.Sprintf("%d notifications wait for this receiver", boxSize)}
		}
	}
	return nil
}

// Refresh repeats what fires to the receivers that forget it. One with a backlog has enough to do.
func (b *Boxes) Refresh(messages []Message) {
	for _, x := range b.all {
		for _, m := range messages {
			if x.receiver.takes(&m) && x.forgets(m.Kind) && len(x.queue) < boxSize/2 {
				m.Refresh, m.queued = true, time.Now()
				x.queue <- &m // only this goroutine puts in: there is room
			}
		}
	}
}

// Forget reports that some receiver has to be told again and again that an alert of a kind fires.
func (b *Boxes) Forget(kind string) bool {
	return slices.ContainsFunc(b.all, func(x *box) bool { return x.forgets(kind) })
}

// forgets is true of Alertmanagers, and of watchdogs everywhere.
func (b *box) forgets(kind string) bool {
	_, manager := b.receiver.(alertmanager)
	return manager || kind == KindWatchdog
}

// box is one receiver's queue.
type box struct {
	receiver receiver
	cfg      Config
	opts     Options
	queue    chan *Message
	reports  chan<- Report
	requests []time.Time // of the last minute
	next     *Message    // taken from the queue and of another group than the ones before
}

func (b *box) run(ctx context.Context) {
	for {
		first := b.next
		if b.next = nil; first == nil {
			select {
			case <-ctx.Done():
				return
			case first = <-b.queue:
			}
		}
		if !b.pace(ctx) {
			return
		}
		if !b.deliver(ctx, b.batch(first)) {
			return
		}
	}
}

// batch adds what waits and may share the request.
func (b *box) batch(first *Message) []*Message {
	out := []*Message{first}
	for len(out) < batchSize {
		select {
		case m := <-b.queue:
			if b.receiver.group(m) != b.receiver.group(first) {
				b.next = m
				return out
			}
			out = append(out, m)
		default:
			return out
		}
	}
	return out
}

// pace waits until another request may go out; false if ctx ended.
func (b *box) pace(ctx context.Context) bool {
	now := time.Now()
	for len(b.requests) > 0 && now.Sub(b.requests[0]) >= time.Minute {
		b.requests = b.requests[1:]
	}
	if len(b.requests) >= b.cfg.PerMinute && !sleep(ctx, time.Minute-now.Sub(b.requests[0])) {
		return false
	}
	b.requests = append(b.requests, time.Now())
	return true
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// deliver tries until it is decided; false if ctx ended before.
func (b *box) deliver(ctx context.Context, batch []*Message) bool {
	wait := &backoff.ExponentialBackOff{InitialInterval: b.cfg.RetryAfter, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: mostWait}
	wait.Reset()
	for {
		outcome, err := b.try(ctx, batch)
		if ctx.Err() != nil {
			return false
		}
		if outcome == Failed && time.Since(batch[0].queued) > b.cfg.GiveUpAfter {
			outcome = Expired
		}
		b.opts.Count(b.receiver.name(), outcome)
		if err != nil {
			b.opts.Log.Warn("notification not delivered", "receiver", b.receiver.name(), "episode", batch[0].Episode, "messages", len(batch), "outcome", outcome, "error", err)
		}
		switch {
		case outcome == Refused && len(batch) > 1: // one of them is at fault: each by itself
			for _, m := range batch {
				if !b.pace(ctx) || !b.deliver(ctx, []*Message{m}) {
					return false
				}
			}
			return true
		case outcome != Failed:
			return b.tell(ctx, batch, outcome, err)
		}
		next := wait.NextBackOff()
		if later := (*laterError)(nil); errors.As(err, &later) {
			next = max(next, later.after)
		}
		if !sleep(ctx, next) {
			return false
		}
	}
}

func (b *box) try(ctx context.Context, batch []*Message) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, b.cfg.Timeout)
	defer cancel()
	switch err := b.receiver.send(ctx, batch); {
	case err == nil:
		return Sent, nil
	case errors.Is(err, errRefused), errors.Is(err, gateway.ErrAddress):
		return Refused, err
	default:
		return Failed, err
	}
}

func (b *box) tell(ctx context.Context, batch []*Message, outcome string, err error) bool {
	reason := ""
	if err != nil {
		reason = err.Error()
	}
	for _, m := range batch {
		if m.Refresh {
			continue
		}
		select {
		case b.reports <- Report{m.Episode, m.Sequence, b.receiver.name(), outcome, reason}:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// SendNow makes one attempt to send a message to the named receiver, or to all, and returns an error per receiver.
func SendNow(ctx context.Context, cfg Config, receiver string, m Message) (map[string]error, error) {
	receivers, client, err := cfg.receivers(time.Now)
	if err != nil {
		return nil, err
	}
	defer client.CloseIdleConnections()
	out := map[string]error{}
	for _, r := range receivers {
		if receiver == "" || receiver == r.name() {
			out[r.name()] = r.send(ctx, []*Message{&m})
		}
	}
	switch {
	case len(receivers) == 0:
		return nil, errors.New("nobody is configured: see alerts.notify: alertmanagers, slacks, webhooks")
	case len(out) == 0:
		return nil, fmt.Errorf("there is no receiver %q: see alerts.notify", receiver)
	}
	return out, nil
}
