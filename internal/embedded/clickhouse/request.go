package clickhouse

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
)

const (
	// maxInsertHead bounds an INSERT's text before its data; it is ClickHouse's default max_query_size.
	maxInsertHead = 256 << 10
	// maxStatement bounds any other statement.
	maxStatement = 16 << 20
)

// request is one statement with everything that goes with it.
type request struct {
	id       string // the client's query_id or ours
	token    string // ours, to find the statement in system.processes
	user     User
	readonly bool // GET and HEAD can't write
	database string
	settings []param
	params   []param
	st       statement
	data     *os.File // the data of an insert, from its first byte
	tables   []externalTable
	hello    bool // clickhouse-go's first question

	session      string // user and session_id, "" without one
	sessionCheck bool
	sessionLife  time.Duration

	defaultFormat  string
	compress       bool   // ClickHouse's own block compression
	encoding       string // HTTP compression of the answer
	bufferAll      bool   // wait_end_of_query
	clientRevision uint64
}

// notSettings are URL parameters with a meaning of their own.
var notSettings = map[string]bool{
	"query": true, "database": true, "default_format": true, "compress": true, "decompress": true, "user": true, "password": true,
	"quota_key": true, "query_id": true, "session_id": true, "session_timeout": true, "session_check": true, "close_session": true,
	"stacktrace": true, "role": true, "buffer_size": true, "wait_end_of_query": true, "client_protocol_version": true,
}

var settingName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

// readRequest authenticates and reads the request up to and including an insert's data. The request returned has an
// id even if err is not nil.
func (f *front) readRequest(r *http.Request) (*request, error) {
	params := r.URL.Query()
	q := &request{id: params.Get("query_id"), token: newToken()}
	if q.id == "" {
		q.id = q.token[:8] + "-" + q.token[8:12] + "-" + q.token[12:16] + "-" + q.token[16:20] + "-" + q.token[20:]
	}
	var err error
	if q.user, err = f.authenticate(r, params); err != nil {
		return q, err
	}
	q.readonly = r.Method != http.MethodPost
	q.database = first(params.Get("database"), r.Header.Get("X-ClickHouse-Database"))
	if q.user.Tenant != "" { // on a server the tenants have views in a database of their own; here the ledger's has row filters
		q.database = strings.TrimSuffix(q.database, ledger.TenantDatabaseSuffix)
	}
	q.defaultFormat = first(r.Header.Get("X-ClickHouse-Format"), params.Get("default_format"), "TabSeparated")
	if !identifier.MatchString(q.defaultFormat) {
		return q, newException(codeUnknownFormat, "UNKNOWN_FORMAT", "Unknown format %s", q.defaultFormat)
	}
	q.compress = on(params.Get("compress"))
	q.bufferAll = on(params.Get("wait_end_of_query"))
	q.clientRevision, _ = strconv.ParseUint(params.Get("client_protocol_version"), 10, 32)
	if !q.compress && (!params.Has("enable_http_compression") || on(params.Get("enable_http_compression"))) {
		q.encoding = acceptedEncoding(r.Header.Get("Accept-Encoding"))
	}
	if err := q.readSession(params); err != nil {
		return q, err
	}
	body, err := f.body(r, on(params.Get("decompress")))
	if err != nil {
		return q, err
	}
	if boundary := multipartBoundary(r); boundary != "" {
		if body, err = f.readForm(q, params, body, boundary); err != nil {
			return q, err
		}
	}
	if err := q.readSettings(params); err != nil {
		return q, err
	}
	if err := f.readStatement(q, params, body); err != nil {
		return q, err
	}
	if q.readonly && !q.st.readOnly() {
		return q, newException(codeReadonly, "READONLY", "Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly. You should use method POST for modifying queries")
	}
	return q, f.guard(q.user, q.st)
}

// readSession reads the parameters of a session (docs: interfaces/http, "Using ClickHouse sessions").
func (q *request) readSession(params url.Values) error {
	id := params.Get("session_id")
	if id == "" {
		return nil
	}
	if q.user.Tenant != "" {
		return newException(codeNotImplemented, "NOT_IMPLEMENTED", "a tenant's user has no sessions")
	}
	q.session = q.user.Name + "\x00" + id
	q.sessionCheck = on(params.Get("session_check"))
	seconds, err := strconv.ParseUint(first(params.Get("session_timeout"), "60"), 10, 32)
	if err != nil || seconds > 3600 {
		return newException(codeBadArguments, "BAD_ARGUMENTS", "Invalid session timeout: '%s'; at most 3600 seconds", params.Get("session_timeout"))
	}
	q.sessionLife = time.Duration(seconds) * time.Second
	return nil
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

func on(value string) bool { return value != "" && value != "0" && !strings.EqualFold(value, "false") }

// readSettings sorts the URL's other parameters into query parameters and settings.
func (q *request) readSettings(params url.Values) error {
	for name, values := range params {
		value := values[len(values)-1]
		switch {
		case strings.HasPrefix(name, "param_"):
			q.params = append(q.params, param{strings.TrimPrefix(name, "param_"), value})
		case notSettings[name], q.describesTable(name):
		case !settingName.MatchString(name):
			return newException(codeUnknownSetting, "UNKNOWN_SETTING", "Setting %q is neither a builtin setting nor started with a prefix registered for user-defined settings", name)
		case q.user.restricted() && name == "readonly", q.user.Tenant != "" && name == "log_comment":
			return newException(codeReadonly, "READONLY", "Cannot modify '%s' setting in readonly mode", name)
		default:
			q.settings = append(q.settings, param{name, value})
		}
	}
	sort.Slice(q.settings, func(i, j int) bool { return q.settings[i].name < q.settings[j].name })
	return nil
}

// readStatement joins the query parameter and the body as a server does, finds the statement's shape, and spools the
// data behind it.
func (f *front) readStatement(q *request, params url.Values, body io.Reader) error {
	text := params.Get("query")
	if text != "" {
		text += "\n"
	}
	head, err := readUpTo(body, maxInsertHead)
	if err != nil {
		return err
	}
	st, err := parseStatement(text + string(head))
	if err != nil || st.kind != statementInsertData {
		rest, readErr := readUpTo(body, maxStatement)
		if readErr != nil {
			return readErr
		}
		if len(rest) == maxStatement {
			return newException(codeSyntaxError, "SYNTAX_ERROR", "Max query size exceeded (the statement is longer than %d bytes)", maxStatement)
		}
		text += string(head) + string(rest)
		if st, err = parseStatement(text); err != nil {
			return err
		}
		q.st = st
		q.hello = q.clientRevision > 0 && strings.TrimSpace(text) == helloQuery
		return nil
	}
	q.st = st
	whole := text + string(head)
	q.data, err = f.spool(io.MultiReader(strings.NewReader(whole[st.data:]), body))
	return err
}

func readUpTo(r io.Reader, n int64) ([]byte, error) {
	var b bytes.Buffer
	if _, err := io.Copy(&b, io.LimitReader(r, n)); err != nil {
		return nil, bodyError(err)
	}
	return b.Bytes(), nil
}

func (q *request) close() {
	if q.data != nil {
		_ = q.data.Close()
	}
	for _, t := range q.tables {
		_ = t.data.Close()
	}
}

// format is the one the answer has.
func (q *request) format() string {
	if q.st.format != "" && q.st.kind != statementInsertData {
		return q.st.format
	}
	return q.defaultFormat
}

// mark ends the statement with the token by which it can be found and killed.
func (q *request) mark() string { return "\n/*" + q.token + "*/" }

// setup lists the statements that give a connection the request's database and settings. filtered says that row filters
// are in force, which go by log_comment.
func (q *request) setup(filtered bool) []string {
	var setup []string
	if q.database != "" {
		setup = append(setup, "USE "+quoteIdentifier(q.database))
	}
	assign := make([]string, 0, len(q.settings)+1)
	for _, s := range q.settings {
		if !filtered || s.name != "log_comment" {
			assign = append(assign, s.name+" = "+quoteString(s.value))
		}
	}
	if filtered {
		assign = append(assign, "log_comment = "+quoteString(first(q.user.Tenant, allTenants)))
	}
	if len(assign) > 0 {
		setup = append(setup, "SET "+strings.Join(assign, ", "))
	}
	return setup
}

// limit is the statement that takes the connection's freedom to write, "" for none. A session of a user who may write
// keeps it; there a GET is limited by the kind of its statement alone.
func (q *request) limit() string {
	switch {
	case q.user.Tenant != "":
		return "SET readonly = 1"
	case q.user.ReadOnly, q.readonly && q.session == "" && !q.names("readonly"):
		return "SET readonly = 2"
	}
	return ""
}

// restore lists the statements that give a session's connection back the state it had before the request.
func (q *request) restore(c *conn) ([]string, error) {
	var restore []string
	if q.database != "" {
		res, err := c.run("SELECT currentDatabase()", "TSVRaw", nil)
		if err != nil {
			return nil, err
		}
		restore = append(restore, "USE "+quoteIdentifier(strings.TrimSuffix(string(res.data), "\n")))
	}
	for _, s := range q.settings {
		restore = append(restore, "SET "+s.name+" = DEFAULT")
	}
	return restore, nil
}

func (q *request) names(setting string) bool {
	for _, s := range q.settings {
		if s.name == setting {
			return true
		}
	}
	return false
}

func quoteString(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

func quoteIdentifier(s string) string {
	return "`" + strings.NewReplacer(`\`, `\\`, "`", "\\`").Replace(s) + "`"
}
