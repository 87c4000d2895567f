package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// person is a receiver in the test's bubble of time. answer decides what becomes of a request.
type person struct {
	requests [][]string // rules
	at       []time.Time
	answer   func(n int, messages []*Message) error
}

func (p *person) name() string            { return "person" }
func (p *person) takes(m *Message) bool   { return true }
func (p *person) group(m *Message) string { return m.Tenant }
func (p *person) send(_ context.Context, messages []*Message) error {
	var rules []string
	for _, m := range messages {
		rules = append(rules, m.Rule)
	}
	p.requests, p.at = append(p.requests, rules), append(p.at, time.Now())
	if p.answer == nil {
		return nil
	}
	return p.answer(len(p.requests), messages)
}

// deliverAll puts the messages in and returns the reports, in order.
func deliverAll(t *testing.T, p *person, cfg Config, messages ...Message) []Report {
	t.Helper()
	reports := make(chan Report)
	b := &Boxes{all: []*box{{receiver: p, cfg: cfg, queue: make(chan *Message, boxSize), reports: reports,
		opts: Options{Log: slog.New(slog.DiscardHandler), Count: func(string, string) {}}}}, client: http.DefaultClient, reports: reports}
	for _, m := range messages {
		require.Nil(t, b.Put("person", m))
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); b.Run(ctx) }()
	var out []Report
	for range messages {
		out = append(out, <-b.Reports())
	}
	cancel()
	<-done
	return out
}

func about(rule string) Message {
	m := *sample()
	m.Rule, m.Episode = rule, uuid.NewSHA1(uuid.Nil, []byte(rule))
	return m
}

func TestFailuresAreRepeatedWithBackOffAndJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &person{answer: func(n int, _ []*Message) error {
			switch {
			case n == 4:
				return &laterError{time.Hour, errors.New("status 429")}
			case n < 8:
				return errors.New("status 503")
			}
			return nil
		}}
		cfg := DefaultConfig()
		require.Equal(t, []Report{{about("a").Episode, 1, "person", Sent, ""}}, deliverAll(t, p, cfg, about("a")))
		var waits []time.Duration
		for i := 1; i < len(p.at); i++ {
			waits = append(waits, p.at[i].Sub(p.at[i-1]))
		}
		require.Len(t, waits, 7)
		for i, nominal := range []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second} {
			require.GreaterOrEqual(t, waits[i], nominal/2)
			require.LessOrEqual(t, waits[i], nominal*3/2)
			require.NotEqual(t, nominal, waits[i], "without jitter all come back at the same moment")
		}
		require.Equal(t, time.Hour, waits[3], "Retry-After is obeyed")
		require.LessOrEqual(t, slices.Max(waits[4:]), mostWait*3/2)
	})
}

func TestWhatFailsTooLongIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &person{answer: func(int, []*Message) error { return errors.New("status 500: out of order") }}
		cfg := DefaultConfig()
		began := time.Now()
		r := deliverAll(t, p, cfg, about("a"), about("b"))
		require.Equal(t, Expired, r[0].Outcome)
		require.Equal(t, Expired, r[1].Outcome)
		require.Contains(t, r[0].Reason, "out of order")
		require.Less(t, time.Since(began), 25*time.Hour, "what waited behind it has waited as long")
	})
}

// TestWhatComesTooFastIsPutTogether: nothing waits for long, nothing is lost, the order is kept.
func TestWhatComesTooFastIsPutTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &person{}
		cfg := DefaultConfig()
		cfg.PerMinute = 2
		var messages []Message
		for i := range 120 {
			messages = append(messages, about(fmt.Sprintf("%03d", i)))
		}
		began := time.Now()
		r := deliverAll(t, p, cfg, messages...)
		require.Len(t, r, 120)
		require.Equal(t, []int{50, 50, 20}, []int{len(p.requests[0]), len(p.requests[1]), len(p.requests[2])})
		require.True(t, slices.IsSorted(slices.Concat(p.requests...)))
		require.Equal(t, []time.Duration{0, 0, time.Minute}, []time.Duration{p.at[0].Sub(began), p.at[1].Sub(began), p.at[2].Sub(began)})
	})
}

func TestOneBadMessageCostsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &person{answer: func(_ int, messages []*Message) error {
			if slices.ContainsFunc(messages, func(m *Message) bool { return m.Rule == "bad" }) {
				return fmt.Errorf("%w: status 400: no", errRefused)
			}
			return nil
		}}
		other := about("other")
		other.Tenant = "globex"
		r := deliverAll(t, p, DefaultConfig(), about("a"), about("bad"), about("b"), other)
		var outcomes []string
		for _, x := range r {
			outcomes = append(outcomes, x.Outcome)
		}
		require.Equal(t, []string{Sent, Refused, Sent, Sent}, outcomes)
		require.Equal(t, [][]string{{"a", "bad", "b"}, {"a"}, {"bad"}, {"b"}, {"other"}}, p.requests, "a group to itself")
	})
}

func TestAFullBoxSaysSo(t *testing.T) {
	dropped := 0
	b := &Boxes{all: []*box{{receiver: &person{}, queue: make(chan *Message, 1),
		opts: Options{Log: slog.New(slog.DiscardHandler), Count: func(_, outcome string) { dropped++ }}}}}
	require.Nil(t, b.Put("person", about("a")))
	full := b.Put("person", about("b"))
	require.Equal(t, Dropped, full.Outcome)
	require.Equal(t, about("b").Episode, full.Episode)
	require.Equal(t, 1, dropped)
}
