package gateway_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/ledger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = []string{"127.0.0.0/8", "::1/128"}

func newClient(t *testing.T, c *clock, url string, secrets []string, change func(*gateway.ClientConfig)) *gateway.Client {
	t.Helper()
	cfg := gateway.DefaultClientConfig()
	cfg.URL, cfg.Secrets, cfg.AllowNetworks, cfg.Backoff = url, secrets, loopback, time.Millisecond
	if change != nil {
		change(&cfg)
	}
	client, err := gateway.NewClient(cfg, c.Now)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func receiver(t *testing.T, c *clock, secrets ...string) (*gateway.Limiter, string) {
	t.Helper()
	l := gateway.NewLimiter(gateway.LimiterOptions{Now: c.Now})
	h, err := l.WebhookHandler(secrets)
	require.NoError(t, err)
	return l, serve(t, h)
}

func TestSendProvesAndReadsBack(t *testing.T) {
	c, secret := newClock(), gateway.NewSecret()
	l, url := receiver(t, c, secret)
	client := newClient(t, c, url, []string{secret}, nil)
	ctx := context.Background()

	s, err := client.State(ctx, gateway.Tenant("acme"))
	require.NoError(t, err)
	require.Zero(t, s.Sequence)

	cmd := command(c, 3, gateway.Cap, gateway.Limits{Per: time.Minute, USD: ledger.USD / 3, Tokens: 12})
	ack, err := client.Send(ctx, cmd)
	require.NoError(t, err)
	require.True(t, ack.Applied)
	require.True(t, ack.Proved)
	require.Equal(t, 1, ack.Attempts)

	s, err = client.State(ctx, gateway.Tenant("acme"))
	require.NoError(t, err)
	require.True(t, s.InForce)
	require.Equal(t, cmd.Limits, s.Limits)
	require.Equal(t, l.State(gateway.Tenant("acme")).Command, s.Command)

	again, err := client.Send(ctx, cmd) // a retry whose first answer was lost
	require.NoError(t, err)
	require.False(t, again.Applied)
	require.True(t, again.Proved)
}

func TestKeysRotate(t *testing.T) {
	c, old, fresh := newClock(), gateway.NewSecret(), gateway.NewSecret()
	_, both := receiver(t, c, old, fresh)
	_, onlyNew := receiver(t, c, fresh)
	ctx := context.Background()
	for i, sender := range [][]string{{old}, {old, fresh}, {fresh}} {
		_, err := newClient(t, c, both, sender, nil).Send(ctx, command(c, uint64(i+1), gateway.Notify, gateway.Limits{}))
		require.NoError(t, err)
	}
	_, err := newClient(t, c, onlyNew, []string{old}, nil).Send(ctx, command(c, 1, gateway.Notify, gateway.Limits{}))
	require.ErrorIs(t, err, gateway.ErrRefused)
	require.ErrorContains(t, err, "401")
	_, err = newClient(t, c, onlyNew, []string{old, fresh}, nil).Send(ctx, command(c, 1, gateway.Notify, gateway.Limits{}))
	require.NoError(t, err)
}

func TestAnswersThatAreNotYes(t *testing.T) {
	c, secret := newClock(), gateway.NewSecret()
	var hits atomic.Int32
	answer := func(status int, header ...string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			hits.Add(1)
			for _, h := range header {
				k, v, _ := strings.Cut(h, ":")
				w.Header().Set(k, v)
			}
			w.WriteHeader(status)
		})
	}
	cases := []struct {
		name  string
		h     http.Handler
		want  error
		tries int32
	}{
		{"gone", answer(410), gateway.ErrGone, 1},
		{"unauthorized", answer(401), gateway.ErrRefused, 1},
		{"server error", answer(500), gateway.ErrUnreachable, 3},
		{"overloaded", answer(429), gateway.ErrUnreachable, 3},
		{"redirect is not followed", answer(307, "Location:http://169.254.169.254/"), gateway.ErrRefused, 1},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			hits.Store(0)
			client := newClient(t, c, serve(t, tc.h), []string{secret}, nil)
			_, err := client.Send(context.Background(), command(c, 1, gateway.Notify, gateway.Limits{}))
			require.ErrorIs(t, err, tc.want)
			require.Equal(t, tc.tries, hits.Load())
		})
	}
}

func TestSecondAttemptSucceeds(t *testing.T) {
	c, secret := newClock(), gateway.NewSecret()
	l := gateway.NewLimiter(gateway.LimiterOptions{Now: c.Now})
	h, err := l.WebhookHandler([]string{secret})
	require.NoError(t, err)
	var ids []string
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ids = append(ids, r.Header.Get("webhook-id"))
		if len(ids) == 1 {
			h.ServeHTTP(httptest.NewRecorder(), r) // taken, but the answer is lost
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		h.ServeHTTP(w, r)
	}))
	ack, err := newClient(t, c, url, []string{secret}, nil).Send(context.Background(), command(c, 1, gateway.Block, gateway.Limits{}))
	require.NoError(t, err)
	require.Equal(t, 2, ack.Attempts)
	require.True(t, ack.Proved)
	require.Len(t, ids, 2)
	require.Equal(t, ids[0], ids[1], "one message, one id")
}

func TestSlowReceiverTimesOut(t *testing.T) {
	c, secret := newClock(), gateway.NewSecret()
	stop := make(chan struct{})
	url := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(func() { close(stop) })
	client := newClient(t, c, url, []string{secret}, func(cfg *gateway.ClientConfig) { cfg.Timeout, cfg.Attempts = 20*time.Millisecond, 2 })
	_, err := client.Send(context.Background(), command(c, 1, gateway.Block, gateway.Limits{}))
	require.ErrorIs(t, err, gateway.ErrUnreachable)
}

func TestErrorsDoNotTellTheAddress(t *testing.T) {
	c, secret := newClock(), gateway.NewSecret()
	nobody := httptest.NewServer(http.NotFoundHandler())
	nobody.Close()
	const key = "/hook/T0K3N"
	ctx := context.Background()
	for name, allow := range map[string][]string{"nobody listens": loopback, "address refused": {"10.1.0.0/16"}} {
		t.Run(name, func(t *testing.T) {
			client := newClient(t, c, nobody.URL+key, []string{secret}, func(cfg *gateway.ClientConfig) { cfg.AllowNetworks = allow })
			_, err := client.Send(ctx, command(c, 1, gateway.Block, gateway.Limits{}))
			require.Error(t, err)
			require.NotContains(t, err.Error(), "T0K3N")
			_, err = client.State(ctx, gateway.Tenant("acme"))
			require.Error(t, err)
			require.NotContains(t, err.Error(), "T0K3N")
		})
	}
	_, err := gateway.NewClient(gateway.ClientConfig{URL: "http://gateway.example.com" + key}, c.Now)
	require.ErrorContains(t, err, "gateway.example.com")
	require.NotContains(t, err.Error(), "T0K3N")
}

func TestGuardRefusesPrivateAddresses(t *testing.T) {
	c, secret := newClock(), gateway.NewSecret()
	_, url := receiver(t, c, secret)
	client := newClient(t, c, url, []string{secret}, func(cfg *gateway.ClientConfig) { cfg.AllowNetworks = []string{"10.1.0.0/16"} })
	_, err := client.Send(context.Background(), command(c, 1, gateway.Block, gateway.Limits{}))
	require.ErrorIs(t, err, gateway.ErrAddress)
	require.ErrorContains(t, err, "127.0.0.1/32", "names the remedy")

	for _, host := range []string{"localhost", "[::1]", "169.254.169.254", "192.168.0.1", "[::ffff:10.0.0.1]", "100.64.0.1", "0.0.0.0", "[fd00::1]", "[64:ff9b::a00:1]"} {
		client := newClient(t, c, "https://"+host+"/hook", []string{secret}, func(cfg *gateway.ClientConfig) { cfg.AllowNetworks = nil })
		_, err := client.Send(context.Background(), command(c, 1, gateway.Block, gateway.Limits{}))
		require.ErrorIs(t, err, gateway.ErrAddress, host)
	}
}

func TestReadBackFromOtherReceivers(t *testing.T) {
	c, secret := newClock(), gateway.NewSecret()
	ctx := context.Background()
	plain := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.WriteHeader(http.StatusMethodNotAllowed)
		}
	}))
	client := newClient(t, c, plain, []string{secret}, nil)
	ack, err := client.Send(ctx, command(c, 1, gateway.Block, gateway.Limits{}))
	require.NoError(t, err)
	require.False(t, ack.Proved, "2xx without a state proves nothing")
	_, err = client.State(ctx, gateway.Tenant("acme"))
	require.ErrorIs(t, err, gateway.ErrNoReadBack)

	liar := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"command": {"subject": {"tenant": "globex"}, "sequence": 9}}`)
	}))
	_, err = newClient(t, c, liar, []string{secret}, nil).State(ctx, gateway.Tenant("acme"))
	require.ErrorContains(t, err, "globex")
}

func TestConfigNamesEveryProblem(t *testing.T) {
	_, err := gateway.NewClient(gateway.ClientConfig{URL: "ftp://x", AllowNetworks: []string{"here"}, Secrets: []string{"abc"}}, time.Now)
	for _, want := range []string{"url:", "name is empty", "secrets[0]", "allow_networks[0]", "timeout", "attempts", "backoff"} {
		require.ErrorContains(t, err, want)
	}
	require.NotContains(t, err.Error(), "abc")
}

func TestCommandOnTheWire(t *testing.T) {
	c := newClock()
	cmd := command(c, 7, gateway.Slow, gateway.Limits{Per: time.Minute, Requests: 60, USD: 1_250_000_000_001})
	b, err := json.Marshal(cmd)
	require.NoError(t, err)
	require.JSONEq(t, `{"subject": {"tenant": "acme"}, "level": "slow", "limits": {"per": "1m0s", "requests": 60, "usd": "1.250000000001"},
		"reason": "spend is 12 times the usual", "rule": "spike", "episode": "e1", "sequence": 7,
		"issued": "2026-11-02T10:00:00Z", "expires": "2026-11-02T10:01:00Z", "dry_run": false}`, string(b))
	var back gateway.Command
	require.NoError(t, json.Unmarshal(b, &back))
	require.Equal(t, cmd, back)
	require.Error(t, json.Unmarshal([]byte(`{"limits": {"usd": 1.25}}`), &back), "an amount as a number")
}
