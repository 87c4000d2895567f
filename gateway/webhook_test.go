package gateway_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/gateway"
)

// post sends raw bytes, signed by the secrets at the given time.
func post(t testing.TB, h http.Handler, body []byte, at time.Time, secrets ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
	if len(secrets) > 0 {
		keys, err := gateway.NewKeys(secrets)
		require.NoError(t, err)
		require.NoError(t, keys.Sign(r.Header, "m1", at, body))
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func body(t testing.TB, kind string, cmd gateway.Command) []byte {
	t.Helper()
	b, err := json.Marshal(map[string]any{"type": kind, "timestamp": cmd.Issued, "data": cmd})
	require.NoError(t, err)
	return b
}

func TestWebhookRefusals(t *testing.T) {
	c, secret := newClock(), gateway.NewSecret()
	l := gateway.NewLimiter(gateway.LimiterOptions{Now: c.Now})
	h, err := l.WebhookHandler([]string{secret})
	require.NoError(t, err)
	good := body(t, gateway.CommandType, command(c, 1, gateway.Block, gateway.Limits{}))
	expired := command(c, 1, gateway.Block, gateway.Limits{})
	expired.Issued, expired.Expires = expired.Issued.Add(-2*time.Minute), expired.Expires.Add(-2*time.Minute)

	cases := []struct {
		name    string
		body    []byte
		at      time.Time
		secrets []string
		want    int
	}{
		{"unsigned", good, c.Now(), nil, 401},
		{"another secret", good, c.Now(), []string{gateway.NewSecret()}, 401},
		{"too old", good, c.Now().Add(-6 * time.Minute), []string{secret}, 401},
		{"too new", good, c.Now().Add(6 * time.Minute), []string{secret}, 401},
		{"not json", []byte("{"), c.Now(), []string{secret}, 400},
		{"amount as a number", []byte(`{"type":"tollkeeper.throttle.v1","data":{"limits":{"usd":1}}}`), c.Now(), []string{secret}, 400},
		{"newer type", body(t, "tollkeeper.throttle.v2", command(c, 1, gateway.Block, gateway.Limits{})), c.Now(), []string{secret}, 422},
		{"expired", body(t, gateway.CommandType, expired), c.Now(), []string{secret}, 422},
		{"too big", bytes.Repeat([]byte(" "), gateway.MaxBody+1), c.Now(), []string{secret}, 413},
		{"good", good, c.Now().Add(-4 * time.Minute), []string{secret}, 200},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			w := post(t, h, tc.body, tc.at, tc.secrets...)
			require.Equal(t, tc.want, w.Code, w.Body.String())
			require.True(t, json.Valid(w.Body.Bytes()))
			require.Equal(t, tc.want == 200, l.State(gateway.Tenant("acme")).Sequence == 1)
		})
	}

	r := httptest.NewRequest(http.MethodGet, "/?tenant=acme", nil)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	require.Equal(t, 401, w.Code, "a state is not for everybody")
	w = httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodDelete, "/", nil))
	require.Equal(t, 405, w.Code)
}

// What is signed is id.timestamp.payload: a full stop in an id, or a header of many signatures, isn't even looked at.
func TestSignaturesThatAreNotLookedAt(t *testing.T) {
	secret := gateway.NewSecret()
	keys, err := gateway.NewKeys([]string{secret})
	require.NoError(t, err)
	at := newClock().Now()
	for name, change := range map[string]func(http.Header){
		"good":        func(http.Header) {},
		"a full stop": func(h http.Header) { require.NoError(t, keys.Sign(h, "m.1", at, []byte("x"))) },
		"a long id":   func(h http.Header) { require.NoError(t, keys.Sign(h, strings.Repeat("m", 300), at, []byte("x"))) },
		"many signatures": func(h http.Header) {
			h.Set("webhook-signature", strings.Repeat("v1,AAAA ", 1000)+h.Get("webhook-signature"))
		},
	} {
		h := http.Header{}
		require.NoError(t, keys.Sign(h, "m1", at, []byte("x")))
		change(h)
		err := keys.Verify(h, at, time.Minute, []byte("x"))
		require.Equal(t, name == "good", err == nil, name)
	}
}

// FuzzWebhook feeds signed bytes to the receiver: it never panics, always answers JSON, and what it takes is a valid
// command that is then what it holds.
func FuzzWebhook(f *testing.F) {
	c, secret := newClock(), gateway.NewSecret()
	f.Add(body(f, gateway.CommandType, command(c, 1, gateway.Block, gateway.Limits{})))
	f.Add(body(f, gateway.CommandType, command(c, 1<<63, gateway.Cap, gateway.Limits{Per: time.Hour, USD: 1, Tokens: 1 << 62})))
	f.Add([]byte(`{"type":"tollkeeper.throttle.v1","data":{"subject":{"tenant":"a","team":"b"},"level":"slow","sequence":1,"limits":{"per":"1s","requests":9223372036854775807},"issued":"2026-11-02T10:00:00Z","expires":"2026-11-02T10:30:00Z"}}`))
	f.Add([]byte(`{"data":{"limits":{"per":"-1s","usd":"99999999999999999999"}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		l := gateway.NewLimiter(gateway.LimiterOptions{Now: c.Now})
		h, err := l.WebhookHandler([]string{secret})
		require.NoError(t, err)
		w := post(t, h, b, c.Now(), secret)
		require.True(t, json.Valid(w.Body.Bytes()))
		if w.Code != http.StatusOK {
			require.Empty(t, l.States())
			return
		}
		var ack gateway.Ack
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &ack))
		require.NoError(t, ack.State.Validate())
		for range 3 {
			d := l.Allow(ack.State.Subject)
			require.True(t, !d.Refused || d.RetryAfter > 0)
			l.Charge(ack.State.Subject, 1<<62, 1<<62)
		}
	})
}
