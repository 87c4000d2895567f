package clickhouse

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"
)

// front is ClickHouse's HTTP interface on the engine.
type front struct {
	e       *engine
	log     *slog.Logger
	users   map[string]User
	layout  layout
	slots   chan struct{} // a slot per running statement
	version string
	host    string
}

func newFront(e *engine, anchor *conn, spec childSpec, log *slog.Logger) (*front, error) {
	f := &front{e: e, log: log, users: map[string]User{}, layout: spec.Layout, slots: make(chan struct{}, spec.Layout.MaxConcurrent)}
	for _, u := range spec.Users {
		f.users[u.Name] = u
	}
	res, err := anchor.run("SELECT version()", "TSVRaw", nil)
	if err != nil {
		return nil, fmt.Errorf("ask the engine for its version: %w", err)
	}
	f.version = strings.TrimSpace(string(res.data))
	if f.host, err = os.Hostname(); err != nil {
		f.host = "localhost"
	}
	return f, nil
}

// ServeHTTP answers one request; paths are those of a ClickHouse server.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/ping", r.URL.Path == "/replicas_status":
		plain(w, http.StatusOK, "Ok.\n")
	case r.URL.Path != "/":
		plain(w, http.StatusNotFound, fmt.Sprintf("There is no handle %s\n\nUse / or /ping for health checks.\nOr /replicas_status for more sophisticated health checks.\nSend queries from your program with POST method or GET /?query=...\n", r.URL.Path))
	case r.Method == http.MethodOptions:
		w.WriteHeader(http.StatusNoContent)
	case r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodPost:
		plain(w, http.StatusNotImplemented, "use GET, HEAD, POST or OPTIONS\n")
	case r.Method != http.MethodPost && !r.URL.Query().Has("query"):
		plain(w, http.StatusOK, "Ok.\n")
	default:
		f.statement(w, r)
	}
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

// statement runs the request's statement and answers with its rows or its error.
func (f *front) statement(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	q, err := f.readRequest(r)
	w.Header().Set("X-ClickHouse-Server-Display-Name", f.host)
	w.Header().Set("X-ClickHouse-Timezone", "UTC")
	w.Header().Set("X-ClickHouse-Query-Id", q.id)
	if err == nil {
		defer q.close()
		if q.hello {
			err = f.answerHello(w, q)
		} else {
			err = f.execute(r.Context(), newReply(w, q, began), q)
		}
	}
	if err == nil {
		return
	}
	var ex *Exception
	if !errors.As(err, &ex) {
		ex = newException(codeLogicalError, "LOGICAL_ERROR", "%v", err)
		f.log.Error("request failed in the front", "error", err)
	}
	fail(w, ex)
}

// fail answers with an exception, before anything else was sent.
func fail(w http.ResponseWriter, ex *Exception) {
	h := w.Header()
	for _, name := range []string{"Content-Encoding", "X-ClickHouse-Format"} {
		h.Del(name)
	}
	if ex.status() == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Basic realm="ClickHouse server HTTP API"`)
	}
	h.Set("X-ClickHouse-Exception-Code", fmt.Sprint(ex.Code))
	plain(w, ex.status(), ex.Text+"\n")
}

// execute runs q on a fresh engine connection.
func (f *front) execute(ctx context.Context, out *reply, q *request) error {
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
	case <-ctx.Done():
		return newException(codeQueryWasCancelled, "QUERY_WAS_CANCELLED", "the client left before the query started")
	}
	c, err := f.e.open()
	if err != nil {
		return err
	}
	defer c.close()
	for _, setup := range q.setup() {
		if _, err := c.run(setup, "Null", nil); err != nil {
			return err
		}
	}
	stopWatch := f.cancelWith(ctx, q.token)
	defer stopWatch()
	switch q.st.kind {
	case statementRows:
		return f.rows(c, out, q)
	case statementInsertData:
		path := fmt.Sprintf("/proc/self/fd/%d", q.data.Fd())
		res, err := c.run(q.st.fromFile(path)+q.mark(), q.format(), q.params)
		if err != nil {
			return hidePath(err, path)
		}
		return out.finish(res)
	default:
		res, err := c.run(q.st.text+q.mark(), q.format(), q.params)
		if err != nil {
			return err
		}
		if len(res.data) > 0 {
			if _, err := out.Write(res.data); err != nil {
				return nil // the client left
			}
		}
		return out.finish(res)
	}
}

// rows lets the engine write its result into a pipe and copies that to the client.
func (f *front) rows(c *conn, out *reply, q *request) error {
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("pipe for a result: %w", err)
	}
	growPipe(w)
	copied := make(chan error, 1)
	go func() {
		_, err := io.Copy(out, r)
		_ = r.Close() // a client that left: the engine's next write fails and ends the query
		copied <- err
	}()
	path := fmt.Sprintf("/proc/self/fd/%d", w.Fd())
	res, err := c.run(q.st.intoFile(path, q.format())+q.mark(), q.format(), q.params)
	_ = w.Close()
	if clientErr := <-copied; clientErr != nil {
		return nil
	}
	if err != nil {
		return out.fail(hidePath(err, path))
	}
	return out.finish(res)
}

// cancelWith kills the statement with this token when ctx ends first. The returned function ends the watch and waits
// for it.
func (f *front) cancelWith(ctx context.Context, token string) (stop func()) {
	finished, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-finished:
			return
		case <-ctx.Done():
		}
		c, err := f.e.open()
		if err != nil {
			f.log.Error("cancel a query", "error", err)
			return
		}
		defer c.close()
		// The marker is split so that this statement doesn't find itself.
		kill := fmt.Sprintf("KILL QUERY WHERE endsWith(query, concat('/*', '%s', '*/')) ASYNC", token)
		for {
			if _, err := c.run(kill, "Null", nil); err != nil {
				f.log.Error("cancel a query", "error", err)
			}
			select {
			case <-finished:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	return func() { close(finished); <-watched }
}

// hidePath takes the pipe's path out of an engine message.
func hidePath(err error, path string) error {
	var ex *Exception
	if errors.As(err, &ex) {
		ex.Text = strings.ReplaceAll(strings.ReplaceAll(ex.Text, "file/uri "+path, "request body"), path, "request body")
	}
	return err
}

func newToken() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}
