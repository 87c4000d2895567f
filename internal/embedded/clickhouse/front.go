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
	"sync"
	"time"
)

// front is ClickHouse's HTTP interface on the engine.
type front struct {
	e       *engine
	log     *slog.Logger
	users   map[string]User
	tenants bool            // some user is a tenant
	shut    map[string]bool // functions that restricted users can't call
	slots   chan struct{}   // a slot per running statement
	version string
	host    string

	sessions     sessions
	secret       string          // of the tenants' derived users, "" for none
	tenantTables map[string]bool // that tenants may name; none: all

	filtersMu sync.Mutex      // held while filters are checked and renewed
	tables    map[string]bool // outside system, as they were found last
	layout    layout
	anchor    *conn // held open: the engine stops with its last connection
}

// newFront starts the engine.
func newFront(e *engine, spec childSpec, log *slog.Logger) (*front, error) {
	f := &front{e: e, log: log, users: map[string]User{}, layout: spec.Layout, slots: make(chan struct{}, spec.Layout.MaxConcurrent)}
	f.secret, f.tenants, f.tenantTables = spec.Secret, spec.Secret != "", map[string]bool{}
	for _, name := range spec.Tables {
		f.tenantTables[name] = true
	}
	for _, u := range spec.Users {
		f.users[u.Name] = u
		f.tenants = f.tenants || u.Tenant != ""
	}
	var err error
	if err = f.layout.writeUsers(); err != nil {
		return nil, err
	}
	if f.anchor, err = e.open(); err != nil {
		return nil, fmt.Errorf("start the engine in %s: %w", f.layout.DB, err)
	}
	res, err := f.anchor.run("SELECT version()", "TSVRaw", nil)
	if err != nil {
		return nil, fmt.Errorf("ask the engine for its version: %w", err)
	}
	f.version = strings.TrimSpace(string(res.data))
	if f.shut, err = findShutFunctions(f.anchor); err != nil {
		return nil, err
	}
	if f.host, err = os.Hostname(); err != nil {
		f.host = "localhost"
	}
	if f.tenants {
		return f, f.ensureFilters(context.Background())
	}
	return f, nil
}

// close stops the engine; no request may be running.
func (f *front) close() {
	f.sessions.closeAll()
	f.anchor.close()
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
	defer q.close()
	h := w.Header()
	h.Set("X-ClickHouse-Server-Display-Name", f.host)
	h.Set("X-ClickHouse-Timezone", "UTC")
	h.Set("X-ClickHouse-Query-Id", q.id)
	if err == nil {
		out := newReply(w, q, began, f.diskFile)
		defer out.close()
		if q.hello {
			err = f.answerHello(out, q)
		} else {
			err = f.execute(r.Context(), out, q)
		}
	}
	if err != nil {
		f.fail(w, err)
	}
}

// fail answers with an exception, before anything else was sent.
func (f *front) fail(w http.ResponseWriter, err error) {
	var ex *Exception
	if !errors.As(err, &ex) {
		ex = newException(codeLogicalError, "LOGICAL_ERROR", "%v", err)
		f.log.Error("request failed in the front", "error", err)
	}
	h := w.Header()
	if ex.status() == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Basic realm="ClickHouse server HTTP API"`)
	}
	h.Set("X-ClickHouse-Exception-Code", fmt.Sprint(ex.Code))
	plain(w, ex.status(), ex.Text+"\n")
}

// acquire waits for a slot to run a statement in.
func (f *front) acquire(ctx context.Context) (release func(), err error) {
	select {
	case f.slots <- struct{}{}:
		return func() { <-f.slots }, nil
	case <-ctx.Done():
		return nil, newException(codeTooManyQueries, "TOO_MANY_SIMULTANEOUS_QUERIES", "Too many simultaneous queries: %d are running, and this one waited until %v", cap(f.slots), ctx.Err())
	}
}

// acquireAll waits until no statement runs and keeps it so.
func (f *front) acquireAll(ctx context.Context) (release func(), err error) {
	var held []func()
	release = func() {
		for _, r := range held {
			r()
		}
	}
	for range cap(f.slots) {
		one, err := f.acquire(ctx)
		if err != nil {
			release()
			return nil, newException(codeTooManyQueries, "TOO_MANY_SIMULTANEOUS_QUERIES", "new tables need row filters, and statements that run too long keep the engine from taking them: try again")
		}
		held = append(held, one)
	}
	return release, nil
}

// execute runs q on an engine connection of its own, or its session's.
func (f *front) execute(ctx context.Context, out *reply, q *request) error {
	if q.user.Tenant != "" {
		if err := f.checkTenant(ctx, q); err != nil {
			return err
		}
	}
	release, err := f.acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	c, giveBack, err := f.connection(q)
	if err != nil {
		return err
	}
	defer giveBack()
	undo, err := f.prepare(c, q)
	defer undo()
	if err != nil {
		return err
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
			return q.clean(err, path)
		}
		return out.finish(res)
	default:
		res, err := c.run(q.st.text+q.mark(), q.format(), q.params)
		if err != nil {
			return q.clean(err, "")
		}
		if _, err := out.Write(res.data); err != nil {
			return nil // the client left
		}
		return out.finish(res)
	}
}

// connection opens the request's connection, or takes its session's.
func (f *front) connection(q *request) (c *conn, giveBack func(), err error) {
	if q.session == "" {
		if c, err = f.e.open(); err != nil {
			return nil, nil, err
		}
		return c, c.close, nil
	}
	if c, err = f.sessions.take(q.session, q.sessionCheck, f.e.open); err != nil {
		return nil, nil, err
	}
	return c, func() { f.sessions.giveBack(q.session, q.sessionLife) }, nil
}

// prepare gives the connection the request's database, settings, temporary tables and limits. undo takes back what
// would outlive the request in a session.
func (f *front) prepare(c *conn, q *request) (undo func(), err error) {
	var restore []string
	undo = func() {
		for _, sql := range restore {
			if _, err := c.run(sql, "Null", nil); err != nil {
				f.log.Warn("reset a session", "error", err)
			}
		}
	}
	if q.session != "" {
		if restore, err = q.restore(c); err != nil {
			return undo, err
		}
	}
	for _, sql := range q.setup(f.tenants) {
		if _, err := c.run(sql, "Null", nil); err != nil {
			return undo, err
		}
	}
	for _, t := range q.tables {
		if err := t.create(c); err != nil {
			return undo, err
		}
		restore = append(restore, "DROP TEMPORARY TABLE "+quoteIdentifier(t.name))
	}
	if limit := q.limit(); limit != "" {
		_, err = c.run(limit, "Null", nil)
	}
	return undo, err
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
		err := out.copy(r)
		_ = r.Close() // a client that left: the engine's next write fails and ends the query
		copied <- err
	}()
	path := fmt.Sprintf("/proc/self/fd/%d", w.Fd())
	res, err := c.run(q.st.intoFile(path, q.format())+q.mark(), q.format(), q.params)
	_ = w.Close()
	if clientErr := <-copied; clientErr != nil {
		return out.abort(clientErr)
	}
	if err != nil {
		return out.fail(q.clean(err, path))
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
		if f.tenants {
			_, err = c.run("SET log_comment = "+quoteString(allTenants), "Null", nil)
		}
		// The marker is put together so that this statement doesn't find itself.
		kill := fmt.Sprintf("KILL QUERY WHERE endsWith(query, concat('/*', '%s', '*/')) ASYNC", token)
		for err == nil {
			_, err = c.run(kill, "Null", nil)
			select {
			case <-finished:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
		f.log.Error("cancel a query", "error", err)
	}()
	return func() { close(finished); <-watched }
}

// clean takes out of an engine message what the front put into the statement.
func (q *request) clean(err error, path string) error {
	var ex *Exception
	if !errors.As(err, &ex) {
		return err
	}
	ex.Text = strings.ReplaceAll(ex.Text, q.mark(), "")
	if path != "" {
		ex.Text = strings.NewReplacer("\nINTO OUTFILE '"+path+"' APPEND ", "\n", "INTO OUTFILE '"+path+"' APPEND ", "",
			"FROM INFILE '"+path+"' ", "", "(in file/uri "+path+")", "(in request body)", "'"+path+"'", "the end of the statement").Replace(ex.Text)
	}
	return err
}

func newToken() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}
