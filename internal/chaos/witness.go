package chaos

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"
)

// moment is a time in the life of a statement.
type moment int

const (
	before moment = iota // the engine hasn't got it
	inside               // the engine has it
	after                // it is done, its sender doesn't know
)

// String names it.
func (m moment) String() string { return [...]string{"before", "inside", "after"}[m] }

// witness sees the statements of one process pass to the engine, and does something at one of them.
type witness struct {
	listener net.Listener
	server   *http.Server
	forward  *httputil.ReverseProxy

	mu    sync.Mutex
	traps []*trap
}

// trap does something when a statement passes for the n-th time.
type trap struct {
	text string
	when moment
	n    int
	do   func()
}

func newWitness(engine string) (*witness, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &witness{listener: l, forward: httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: engine})}
	w.forward.Transport = &http.Transport{MaxIdleConnsPerHost: 4, DisableCompression: true}
	w.forward.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) } // no answer of our own
	w.forward.ErrorLog = quiet
	w.server = &http.Server{Handler: w, ReadHeaderTimeout: time.Minute, ErrorLog: quiet}
	go func() { _ = w.server.Serve(l) }()
	return w, nil
}

func (w *witness) address() string { return w.listener.Addr().String() }

func (w *witness) close() { _ = w.server.Close() }

// set arms a trap; the returned func takes it away.
func (w *witness) set(t *trap) (remove func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.traps = append(w.traps, t)
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		for i := range w.traps {
			if w.traps[i] == t {
				w.traps = append(w.traps[:i:i], w.traps[i+1:]...)
				return
			}
		}
	}
}

// springs returns the trap that the statement sets off.
func (w *witness) springs(statement string) *trap {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, t := range w.traps {
		if !strings.Contains(statement, t.text) {
			continue
		}
		if t.n--; t.n <= 0 {
			w.traps = append(w.traps[:i:i], w.traps[i+1:]...)
			return t
		}
	}
	return nil
}

// shortest body that may be an insert's rows: the text of a statement is shorter.
const maxStatement = 64 << 10

// ServeHTTP implements http.Handler.
func (w *witness) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	statement := r.URL.Query().Get("query")
	if statement == "" {
		head, err := io.ReadAll(io.LimitReader(r.Body, maxStatement))
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		statement = string(head)
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(head), r.Body), r.Body}
	}
	t := w.springs(statement)
	if t == nil {
		w.forward.ServeHTTP(out, r)
		return
	}
	switch t.when {
	case before:
		t.do()
		w.forward.ServeHTTP(out, r)
	case inside:
		go t.do()
		w.forward.ServeHTTP(out, r)
	case after:
		held := &heldAnswer{header: http.Header{}, status: http.StatusOK}
		w.forward.ServeHTTP(held, r)
		t.do()
		held.send(out)
	}
}

// heldAnswer keeps an answer until it is sent.
type heldAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (h *heldAnswer) Header() http.Header { return h.header }

// WriteHeader implements http.ResponseWriter.
func (h *heldAnswer) WriteHeader(status int) { h.status = status }

// Write implements http.ResponseWriter.
func (h *heldAnswer) Write(p []byte) (int, error) { return h.body.Write(p) }

func (h *heldAnswer) send(out http.ResponseWriter) {
	for k, v := range h.header {
		out.Header()[k] = v
	}
	out.WriteHeader(h.status)
	_, _ = out.Write(h.body.Bytes())
}
