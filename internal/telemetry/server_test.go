package telemetry

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A client that announces a body and never sends it would hold its connection, and what serves it, for ever.
func TestAClientThatSendsNoBodyIsLetGo(t *testing.T) {
	s, err := Listen("127.0.0.1:0", nil, NewRegistry(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.Positive(t, s.server.ReadTimeout)
	require.Positive(t, s.server.WriteTimeout)
	s.server.ReadTimeout = 50 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()

	conn, err := net.Dial("tcp", s.Addr())
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Write([]byte("POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"))
	require.NoError(t, err)
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	_, err = r.ReadByte()
	require.ErrorIs(t, err, io.EOF, "the connection is closed")

	cancel()
	require.NoError(t, <-ended)
}

// A page of another site whose name was made to lead here must not read what tenants spend.
func TestOtherNamesReadNothing(t *testing.T) {
	s, err := Listen("127.0.0.1:0", []string{"toll.example"}, NewRegistry(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer s.listener.Close()
	own, err := os.Hostname()
	require.NoError(t, err)
	ask := func(path, host string) int {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Host = host
		w := httptest.NewRecorder()
		s.server.Handler.ServeHTTP(w, r)
		return w.Code
	}
	for _, path := range []string{"/metrics", "/readyz"} {
		for _, host := range []string{"127.0.0.1:9464", "127.0.0.1", "localhost:9464", "LocalHost", "[::1]:9464", "10.0.0.5:9464", own, "toll.example:9464", "Toll.Example"} {
			require.Equal(t, http.StatusOK, ask(path, host), "%s as %s", path, host)
		}
		for _, host := range []string{"evil.example:9464", "toll.example.evil.example", "127.0.0.1.evil.example", "localhost.evil.example", ""} {
			require.Equal(t, http.StatusMisdirectedRequest, ask(path, host), "%s as %s", path, host)
		}
	}
	require.Equal(t, http.StatusOK, ask("/healthz", "evil.example"), "it tells nothing")
}
