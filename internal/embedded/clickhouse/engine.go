package clickhouse

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/ebitengine/purego"
)

// engine is libchdb loaded into this process. All its connections share one database directory.
type engine struct {
	broken     func(*Exception) // is told of parts that can't be read; may be nil
	connect    func(argc int32, argv unsafe.Pointer) unsafe.Pointer
	closeConn  func(conn unsafe.Pointer)
	query      func(conn uintptr, sql unsafe.Pointer, sqlLen uintptr, format unsafe.Pointer, formatLen uintptr, names, nameLens, values, valueLens unsafe.Pointer, count uintptr) uintptr
	destroy    func(result uintptr)
	buffer     func(result uintptr) unsafe.Pointer
	length     func(result uintptr) uintptr
	errorText  func(result uintptr) string
	rowsRead   func(result uintptr) uint64
	bytesRead  func(result uintptr) uint64
	rowsWrit   func(result uintptr) uint64
	bytesWrit  func(result uintptr) uint64
	setSignals func(enabled bool)

	args []string
}

// loadEngine maps the library. The engine itself starts with the first connection, which needs args
// (clickhouse-local's: --path=…, --config-file=…); every later connection gets the same.
func loadEngine(library string, args ...string) (*engine, error) {
	lib, err := purego.Dlopen(library, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("load engine library %s: %w (is it complete and for %s/%s? `make engine` fetches it)", library, err, runtime.GOOS, runtime.GOARCH)
	}
	e := &engine{args: append([]string{"clickhouse"}, args...)}
	for name, fn := range map[string]any{
		"chdb_connect":                     &e.connect,
		"chdb_close_conn":                  &e.closeConn,
		"chdb_query_with_params_n":         &e.query,
		"chdb_destroy_query_result":        &e.destroy,
		"chdb_result_buffer":               &e.buffer,
		"chdb_result_length":               &e.length,
		"chdb_result_error":                &e.errorText,
		"chdb_result_storage_rows_read":    &e.rowsRead,
		"chdb_result_storage_bytes_read":   &e.bytesRead,
		"chdb_result_rows_written":         &e.rowsWrit,
		"chdb_result_bytes_written":        &e.bytesWrit,
		"chdb_set_signal_handlers_enabled": &e.setSignals,
	} {
		symbol, err := purego.Dlsym(lib, name)
		if err != nil {
			return nil, fmt.Errorf("engine library %s has no %s: want chDB 26.5 or newer, `make engine` fetches it", library, name)
		}
		purego.RegisterFunc(fn, symbol)
	}
	e.setSignals(false) // Go's runtime owns SIGSEGV and friends
	return e, nil
}

// conn is one engine connection: a session with its own settings, current database and temporary tables. One
// statement runs at a time. Not safe for concurrent use.
type conn struct {
	e      *engine
	handle unsafe.Pointer // chdb_connection*: points to the handle that statements take
}

func (e *engine) open() (*conn, error) {
	var pin runtime.Pinner
	defer pin.Unpin()
	argv := make([]unsafe.Pointer, len(e.args)+1)
	for i, a := range e.args {
		b := append([]byte(a), 0)
		pin.Pin(&b[0])
		argv[i] = unsafe.Pointer(&b[0])
	}
	pin.Pin(&argv[0])
	handle := e.connect(int32(len(e.args)), unsafe.Pointer(&argv[0]))
	if handle == nil {
		return nil, errors.New("the engine refused a connection (its reason is in the log above)")
	}
	return &conn{e: e, handle: handle}, nil
}

func (c *conn) close() {
	if c.handle != nil {
		c.e.closeConn(c.handle)
		c.handle = nil
	}
}

// param is a query parameter {name:Type}, its value in ClickHouse's escaped text form.
type param struct{ name, value string }

// result is what a statement left behind in memory, apart from what it wrote into a pipe.
type result struct {
	data                      []byte
	rowsRead, bytesRead       uint64
	rowsWritten, bytesWritten uint64
}

// run executes one statement. An engine error comes back as *Exception.
func (c *conn) run(sql, format string, params []param) (result, error) {
	var pin runtime.Pinner
	defer pin.Unpin()
	text := func(s string) (unsafe.Pointer, uintptr) {
		b := append([]byte(s), 0)
		pin.Pin(&b[0])
		return unsafe.Pointer(&b[0]), uintptr(len(s))
	}
	n := len(params)
	names, values := make([]unsafe.Pointer, n+1), make([]unsafe.Pointer, n+1)
	nameLens, valueLens := make([]uintptr, n+1), make([]uintptr, n+1)
	for i, p := range params {
		names[i], nameLens[i] = text(p.name)
		values[i], valueLens[i] = text(p.value)
	}
	pin.Pin(&names[0])
	pin.Pin(&values[0])
	pin.Pin(&nameLens[0])
	pin.Pin(&valueLens[0])
	q, qLen := text(sql)
	f, fLen := text(format)

	r := c.e.query(*(*uintptr)(c.handle), q, qLen, f, fLen, unsafe.Pointer(&names[0]), unsafe.Pointer(&nameLens[0]), unsafe.Pointer(&values[0]), unsafe.Pointer(&valueLens[0]), uintptr(n))
	if r == 0 {
		return result{}, newException(codeLogicalError, "LOGICAL_ERROR", "the engine returned nothing")
	}
	defer c.e.destroy(r)
	if msg := c.e.errorText(r); msg != "" {
		ex := parseException(msg)
		if ex.ofBrokenPart() && c.e.broken != nil {
			c.e.broken(ex)
		}
		return result{}, ex
	}
	res := result{rowsRead: c.e.rowsRead(r), bytesRead: c.e.bytesRead(r), rowsWritten: c.e.rowsWrit(r), bytesWritten: c.e.bytesWrit(r)}
	if length := c.e.length(r); length > 0 {
		res.data = append(res.data, unsafe.Slice((*byte)(c.e.buffer(r)), length)...)
	}
	return res, nil
}
