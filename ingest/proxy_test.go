package ingest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a proxy does with a request.
const (
	pass            int32 = iota
	refuse                // close the connection unanswered, as a server that is down
	fullDisk              // answer as ClickHouse does when it has no room
	loseAnswer            // let ClickHouse do it, and close the connection
	noMemory              // answer as ClickHouse does to an insert of more than 20 kB that it has no memory for
	fewDays               // answer the first as ClickHouse does to one of too many days, pass and count the others
	noMemoryInTurns       // answer so to the first and the third, whatever their size
)

// proxy stands between an ingester and the engine.
type proxy struct {
	url  string
	mode atomic.Int32
	// only limits the mode to statements that contain this text.
	only atomic.Pointer[string]
	hits atomic.Int64 // requests not passed
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	u, err := url.Parse(target)
	require.NoError(t, err)
	upstream := &url.URL{Scheme: u.Scheme, Host: u.Host}
	p := &proxy{}
	transport := &http.Transport{}
	forward := httputil.NewSingleHostReverseProxy(upstream)
	forward.Transport = transport
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mode := p.mode.Load()
		if only := p.only.Load(); only != nil && !strings.Contains(r.URL.Query().Get("query"), *only) {
			mode = pass
		}
		hit := int64(0)
		if mode != pass {
			hit = p.hits.Add(1)
		}
		switch mode {
		case refuse:
			panic(http.ErrAbortHandler)
		case fullDisk:
			w.Header().Set("X-ClickHouse-Exception-Code", "243")
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = fmt.Fprint(w, "Code: 243. DB::Exception: Cannot reserve 1.00 MiB, not enough space. (NOT_ENOUGH_SPACE)")
		case fewDays:
			if hit > 1 {
				forward.ServeHTTP(w, r)
				return
			}
			w.Header().Set("X-ClickHouse-Exception-Code", "252")
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = fmt.Fprint(w, "Code: 252. DB::Exception: Too many partitions for single INSERT block (more than 5). (TOO_MANY_PARTS)")
		case loseAnswer:
			forward.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		case noMemory, noMemoryInTurns:
			if mode == noMemory && r.ContentLength <= 20_000 || mode == noMemoryInTurns && hit != 1 && hit != 3 {
				forward.ServeHTTP(w, r)
				return
			}
			w.Header().Set("X-ClickHouse-Exception-Code", "241")
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = fmt.Fprint(w, "Code: 241. DB::Exception: (total) memory limit exceeded. (MEMORY_LIMIT_EXCEEDED)")
		default:
			forward.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() { server.Close(); transport.CloseIdleConnections() })
	p.url = server.URL + u.Path
	return p
}

func (p *proxy) set(mode int32, only string) {
	p.only.Store(nil)
	if only != "" {
		p.only.Store(&only)
	}
	p.mode.Store(mode)
}
