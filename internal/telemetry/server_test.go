package telemetry

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A client that announces a body and never sends it would hold its connection, and what serves it, for ever.
func TestAClientThatSendsNoBodyIsLetGo(t *testing.T) {
	s, err := Listen("127.0.0.1:0", NewRegistry(), slog.New(slog.DiscardHandler))
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
