package schema

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"
)

// A server that takes a statement and never answers, or stops in the middle of an answer, is given up, though the caller's
// context has no deadline.
func TestSilenceEndsAStatement(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter){
		"no answer":                  func(http.ResponseWriter) {},
		"headers and no more":        func(w http.ResponseWriter) { w.WriteHeader(http.StatusOK); w.(http.Flusher).Flush() },
		"some of the answer, no end": func(w http.ResponseWriter) { _, _ = io.WriteString(w, "\x01\x01"); w.(http.Flusher).Flush() },
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				answer(w)
				<-r.Context().Done() // the client is gone
			}))
			defer s.Close()
			target, err := ParseURL("http://" + s.Listener.Addr().String() + "/x")
			require.NoError(t, err)
			conn, err := target.open("default", func(o *clickhouse.Options) { o.DialContext = dialer(50 * time.Millisecond) })
			require.NoError(t, err)
			defer conn.Close()
			err = conn.Exec(context.Background(), "SELECT 1")
			require.Error(t, err)
			var timeout net.Error
			require.True(t, errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() || strings.Contains(err.Error(), "i/o timeout"), "%v", err)
		})
	}
}
