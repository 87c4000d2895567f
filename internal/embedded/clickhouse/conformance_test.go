package clickhouse_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/embedded/clickhouse"
)

// The cases are what ClickHouse's documentation of the HTTP interface promises (docs: interfaces/http) and what clients
// rely on. Before each one stand the statements of its setup. body is compared whole, like is a regular
// expression.
var conformance = []struct {
	name   string
	setup  []string
	ask    ask
	status int // default 200
	header map[string]string
	body   string
	like   string
	then   string // a query afterwards, with its answer after "=>"
}{
	{name: "ping", ask: ask{method: "GET", path: "/ping", anon: true}, body: "Ok.\n"},
	{name: "root", ask: ask{method: "GET", anon: true}, body: "Ok.\n"},
	{name: "replicas status", ask: ask{method: "GET", path: "/replicas_status", anon: true}, body: "Ok.\n"},
	{name: "unknown path", ask: ask{method: "GET", path: "/nope", anon: true}, status: 404, like: `There is no handle /nope`},
	{name: "unknown method", ask: ask{method: "PUT"}, status: 501, like: `POST`},

	{name: "get", ask: ask{method: "GET", params: v("query", "SELECT 1")}, body: "1\n",
		header: map[string]string{"Content-Type": "text/tab-separated-values; charset=UTF-8", "X-ClickHouse-Format": "TabSeparated", "X-ClickHouse-Timezone": "UTC"}},
	{name: "post", ask: ask{body: b("SELECT 1")}, body: "1\n"},
	{name: "query in url and body", ask: ask{params: v("query", "SELECT 1"), body: b("+ 1")}, body: "2\n"},
	{name: "head", ask: ask{method: "HEAD", params: v("query", "SELECT 1")}, body: ""},
	{name: "semicolon", ask: ask{body: b("SELECT 1 ; -- done\n")}, body: "1\n"},
	{name: "two statements", ask: ask{body: b("SELECT 1; SELECT 2")}, status: 400, like: `^Code: 62\. .*Multi-statements are not allowed`},
	{name: "empty", ask: ask{body: b(" ")}, status: 400, like: `^Code: 62\. .*Empty query`},
	{name: "query id", ask: ask{params: v("query", "SELECT 1", "query_id", "mine")}, body: "1\n", header: map[string]string{"X-ClickHouse-Query-Id": "mine"}},
	{name: "summary", ask: ask{body: b("SELECT sum(number) FROM numbers(1000)")}, body: "499500\n", header: map[string]string{"X-ClickHouse-Summary": `~"read_rows":"1000"`}},
	{name: "long statement", ask: ask{body: b("SELECT length('" + strings.Repeat("x", 300_000) + "')"), params: v("max_query_size", "1000000")}, body: "300000\n"},
	{name: "statement too long for the engine", ask: ask{body: b("SELECT length('" + strings.Repeat("x", 300_000) + "')")}, status: 400, like: `^Code: 62\..*[Mm]ax query size exceeded`},

	{name: "format clause", ask: ask{body: b("SELECT 1 AS a FORMAT JSONEachRow")}, body: `{"a":1}` + "\n", header: map[string]string{"X-ClickHouse-Format": "JSONEachRow", "Content-Type": "application/x-ndjson; charset=UTF-8"}},
	{name: "default_format", ask: ask{params: v("default_format", "CSVWithNames"), body: b("SELECT 1 AS a")}, body: "\"a\"\n1\n", header: map[string]string{"Content-Type": "text/csv; charset=UTF-8; header=present"}},
	{name: "format header", ask: ask{header: h("X-ClickHouse-Format", "JSONCompact"), body: b("SELECT 1")}, like: `"data":\s*\[\s*\[1\]`, header: map[string]string{"Content-Type": "application/json; charset=UTF-8"}},
	{name: "format clause beats default", ask: ask{params: v("default_format", "JSON"), body: b("SELECT 1 FORMAT TSV")}, body: "1\n"},
	{name: "one document over many blocks", ask: ask{body: b("SELECT number FROM numbers(200000) FORMAT JSON")}, like: `"rows": 200000,`},
	{name: "pretty", ask: ask{body: b("SELECT 1 AS a FORMAT PrettyCompact")}, like: `│ 1 │`},
	{name: "column called format", ask: ask{body: b("SELECT 7 AS format")}, body: "7\n"},
	{name: "word format in a string", ask: ask{body: b("SELECT ' FORMAT JSON'")}, body: " FORMAT JSON\n"},
	{name: "format before settings", ask: ask{body: b("SELECT 1 FORMAT CSV SETTINGS max_threads = 1")}, body: "1\n"},
	{name: "settings before format", ask: ask{body: b("SELECT getSetting('max_threads') SETTINGS max_threads = 1 FORMAT CSV")}, body: "1\n"},
	{name: "unknown format", ask: ask{body: b("SELECT 1 FORMAT Nope")}, status: 404, like: `^Code: 73\.`},
	{name: "unknown default format", ask: ask{params: v("default_format", "x'y"), body: b("SELECT 1")}, status: 404, like: `^Code: 73\.`},
	{name: "null format", ask: ask{body: b("SELECT 1 FORMAT Null")}, body: ""},
	{name: "native", ask: ask{body: b("SELECT 1::UInt8 AS a FORMAT Native")}, body: "\x01\x01\x01a\x05UInt8\x01"},
	{name: "show", ask: ask{body: b("SHOW DATABASES LIKE 'default'")}, body: "default\n"},
	{name: "describe", ask: ask{body: b("DESCRIBE system.one FORMAT JSONEachRow")}, like: `"name":"dummy"`},
	{name: "explain", ask: ask{body: b("EXPLAIN SELECT 1")}, like: `Expression`},
	{name: "explain ast", ask: ask{body: b("EXPLAIN AST CREATE TABLE x (a UInt8) ENGINE = MergeTree ORDER BY a")}, like: `CreateQuery`},
	{name: "show with a format", ask: ask{method: "GET", params: v("query", "SHOW DATABASES LIKE 'system' FORMAT JSONEachRow")}, body: `{"name":"system"}` + "\n"},
	{name: "time zone", ask: ask{body: b("SELECT timezone()")}, body: "UTC\n"},
	{name: "old parts stay a while", ask: ask{body: b("SELECT value FROM system.merge_tree_settings WHERE name = 'old_parts_lifetime'")}, body: "480\n"},
	{name: "merges make no statistics", setup: []string{table, "INSERT INTO x SELECT number, '' FROM numbers(9)", "OPTIMIZE TABLE x FINAL"},
		ask: ask{body: b("SELECT column, statistics FROM system.parts_columns WHERE database = currentDatabase() AND active AND rows = 9")}, body: "n\t[]\ns\t[]\n"},
	{name: "errors show the client's statement", ask: ask{body: b("SELECT 1 FRM x y z")}, status: 400, like: `^Code: 62\. [^/]*\(SYNTAX_ERROR\)\s*$`},
	{name: "exists", ask: ask{body: b("EXISTS system.one")}, body: "1\n"},
	{name: "with", ask: ask{body: b("WITH 3 AS x SELECT x")}, body: "3\n"},
	{name: "brackets", ask: ask{body: b("(SELECT 1) UNION ALL (SELECT 1) FORMAT CSV")}, body: "1\n1\n"},
	{name: "comment first", ask: ask{body: b("/* a */ -- b\n SELECT 1")}, body: "1\n"},
	{name: "result without rows", ask: ask{body: b("SELECT 1 WHERE 0")}, body: "", header: map[string]string{"Content-Length": "0"}},

	{name: "parameter", ask: ask{params: v("param_x", "5", "query", "SELECT {x:UInt8} + 1")}, body: "6\n"},
	{name: "string parameter stays a string", ask: ask{params: v("param_x", `' OR 1=1 -- \t`), body: b("SELECT {x:String}")}, body: `\' OR 1=1 -- \t` + "\n"},
	{name: "identifier parameter", ask: ask{params: v("param_t", "one"), body: b("SELECT count() FROM system.{t:Identifier}")}, body: "1\n"},
	{name: "array parameter", ask: ask{params: v("param_x", "['a','b']"), body: b("SELECT {x:Array(String)}[2]")}, body: "b\n"},
	{name: "parameter missing", ask: ask{body: b("SELECT {x:UInt8}")}, status: 500, like: `^Code: 456\.`},
	{name: "setting", ask: ask{params: v("max_threads", "1"), body: b("SELECT getSetting('max_threads')")}, body: "1\n"},
	{name: "setting doesn't stay", ask: ask{params: v("max_block_size", "7"), body: b("SELECT 1")}, body: "1\n", then: "SELECT getSetting('max_block_size') = 7 => 0"},
	{name: "set doesn't stay", ask: ask{body: b("SET max_block_size = 7")}, body: "", then: "SELECT getSetting('max_block_size') = 7 => 0"},
	{name: "unknown setting", ask: ask{params: v("no_such_setting", "1"), body: b("SELECT 1")}, status: 404, like: `^Code: 115\.`},
	{name: "setting with a name that is no name", ask: ask{params: v("a=1, b", "1"), body: b("SELECT 1")}, status: 404, like: `^Code: 115\.`},
	{name: "bad setting value", ask: ask{params: v("max_threads", "many"), body: b("SELECT 1")}, status: 400, like: `^Code: `},
	{name: "database", ask: ask{params: v("database", "system"), body: b("SELECT count() FROM one")}, body: "1\n", then: "SELECT currentDatabase() => default"},
	{name: "database header", ask: ask{header: h("X-ClickHouse-Database", "system"), body: b("SELECT currentDatabase()")}, body: "system\n"},
	{name: "use doesn't stay", ask: ask{body: b("USE system")}, body: "", then: "SELECT currentDatabase() => default"},
	{name: "unknown database", ask: ask{params: v("database", "no`pe"), body: b("SELECT 1")}, status: 404, like: `^Code: 81\.`},

	{name: "unknown table", ask: ask{body: b("SELECT * FROM nope")}, status: 404, like: `^Code: 60\. DB::Exception: .*UNKNOWN_TABLE`, header: map[string]string{"X-ClickHouse-Exception-Code": "60", "Content-Type": "text/plain; charset=UTF-8"}},
	{name: "syntax error", ask: ask{body: b("SELEC 1")}, status: 400, like: `^Code: 62\.`},
	{name: "unknown function", ask: ask{body: b("SELECT nope(1)")}, status: 404, like: `^Code: 46\.`},
	{name: "division", ask: ask{body: b("SELECT intDiv(1, 0)")}, status: 500, like: `^Code: 153\.`},
	{name: "error after rows", ask: ask{body: b("SELECT throwIf(number = 10) FROM numbers(11)")}, status: 500, like: `^Code: 395\.`},
	{name: "open string", ask: ask{body: b("SELECT 'a")}, status: 400, like: `^Code: 62\.`},
	{name: "timeout", ask: ask{params: v("max_execution_time", "1"), body: b("SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))")}, status: 408, like: `^Code: 159\.`},
	{name: "into outfile", ask: ask{body: b("SELECT 1 INTO OUTFILE '/tmp/x'")}, status: 500, like: `INTO OUTFILE is not allowed`},
	{name: "from infile", ask: ask{body: b("INSERT INTO x FROM INFILE '/etc/passwd' FORMAT CSV")}, status: 500, like: `FROM INFILE is not allowed`},

	{name: "get can't write", setup: []string{table}, ask: ask{method: "GET", params: v("query", "INSERT INTO x VALUES (1, 'a')")}, status: 500, like: `^Code: 164\.`, then: "SELECT count() FROM x => 0"},
	{name: "get can't create", ask: ask{method: "GET", params: v("query", "CREATE DATABASE nope")}, status: 500, like: `^Code: 164\.`},
	{name: "insert values", setup: []string{table}, ask: ask{body: b("INSERT INTO x VALUES (1, 'a'), (1 + 1, 'b')")}, header: map[string]string{"X-ClickHouse-Summary": `~"written_rows":"2"`}, then: "SELECT * FROM x => 1\ta\n2\tb"},
	{name: "insert values from the body", setup: []string{table}, ask: ask{params: v("query", "INSERT INTO x VALUES"), body: b("(1, 'a')")}, then: "SELECT * FROM x => 1\ta"},
	{name: "insert columns with settings", setup: []string{table}, ask: ask{params: v("query", "INSERT INTO x (s, n) SETTINGS async_insert = 0 FORMAT CSV"), body: b("a,1\nb,2\n")}, then: "SELECT * FROM x => 1\ta\n2\tb"},
	{name: "insert settings after format", setup: []string{table}, ask: ask{params: v("query", "INSERT INTO x FORMAT CSV SETTINGS format_csv_delimiter = ';', max_threads=1"), body: b("1;a\n")}, then: "SELECT * FROM x => 1\ta"},
	{name: "insert values with settings", setup: []string{table}, ask: ask{body: b("INSERT INTO x SETTINGS input_format_values_interpret_expressions = 1 VALUES (2-1, 'a')")}, then: "SELECT * FROM x => 1\ta"},
	{name: "insert json", setup: []string{table}, ask: ask{params: v("query", "INSERT INTO x FORMAT JSONEachRow"), body: b(`{"s":"ü","n":1}`)}, then: "SELECT * FROM x => 1\tü"},
	{name: "insert data after the statement", setup: []string{table}, ask: ask{body: b("INSERT INTO x FORMAT TSV\n1\ta\n2\tb\n")}, then: "SELECT * FROM x => 1\ta\n2\tb"},
	{name: "insert row binary", setup: []string{table}, ask: ask{params: v("query", "INSERT INTO x FORMAT RowBinary"), body: b("\x01\x00\x00\x00\x01a")}, then: "SELECT * FROM x => 1\ta"},
	{name: "insert native", setup: []string{table}, ask: ask{params: v("query", "INSERT INTO x FORMAT Native"), body: b("\x02\x01\x01n\x06UInt32\x01\x00\x00\x00\x01s\x06String\x01a")}, then: "SELECT * FROM x => 1\ta"},
	{name: "insert nothing", setup: []string{table}, ask: ask{params: v("query", "INSERT INTO x FORMAT Native")}, then: "SELECT count() FROM x => 0"},
	{name: "insert select", setup: []string{table}, ask: ask{body: b("INSERT INTO x SELECT number, 'x' FROM numbers(3)")}, then: "SELECT count() FROM x => 3"},
	{name: "insert with select", setup: []string{table}, ask: ask{body: b("INSERT INTO x WITH 2 AS a SELECT a, 'x'")}, then: "SELECT count() FROM x => 1"},
	{name: "insert select from input", setup: []string{table}, ask: ask{params: v("query", "INSERT INTO x SELECT a * 2, upper(b) FROM input('a UInt32, b String') FORMAT CSV"), body: b("1,a\n2,b\n")}, then: "SELECT * FROM x => 2\tA\n4\tB"},
	{name: "insert into function", ask: ask{params: v("query", "INSERT INTO FUNCTION null('a UInt8') FORMAT CSV"), body: b("1\n")}},
	{name: "insert bad data", setup: []string{table}, ask: ask{params: v("query", "INSERT INTO x FORMAT CSV"), body: b("1,a\nnope,b\n")}, status: 400, like: `(?s)^Code: 27\..*request body`, then: "SELECT count() FROM x => 0"},
	{name: "insert unknown column", setup: []string{table}, ask: ask{params: v("query", "INSERT INTO x (nope) FORMAT CSV"), body: b("1\n")}, status: 500, like: `^Code: 16\.`},
	{name: "insert many megabytes", setup: []string{table}, ask: ask{params: v("query", "INSERT INTO x FORMAT CSV"), body: bytes.Repeat(b("1,abcdefghijklmnopqrstuvwxyz\n"), 1_000_000)}, then: "SELECT count() FROM x => 1000000"},

	{name: "insert gzip", setup: []string{table}, ask: packed("gzip"), then: "SELECT * FROM x => 1\ta"},
	{name: "insert deflate", setup: []string{table}, ask: packed("deflate"), then: "SELECT * FROM x => 1\ta"},
	{name: "insert br", setup: []string{table}, ask: packed("br"), then: "SELECT * FROM x => 1\ta"},
	{name: "insert zstd", setup: []string{table}, ask: packed("zstd"), then: "SELECT * FROM x => 1\ta"},
	{name: "insert lz4", setup: []string{table}, ask: packed("lz4"), then: "SELECT * FROM x => 1\ta"},
	{name: "insert blocks lz4", setup: []string{table}, ask: blocks(compress.LZ4, 0), then: "SELECT * FROM x => 1\ta"},
	{name: "insert blocks zstd", setup: []string{table}, ask: blocks(compress.ZSTD, 0), then: "SELECT * FROM x => 1\ta"},
	{name: "insert block cut short", setup: []string{table}, ask: blocks(compress.LZ4, 3), status: 500, like: `^Code: 33\.`, then: "SELECT count() FROM x => 0"},
	{name: "insert gzip that is none", setup: []string{table}, ask: ask{params: v("query", "INSERT INTO x FORMAT CSV"), header: h("Content-Encoding", "gzip"), body: b("1,a\n")}, status: 500, like: `^Code: 33\.`},
	{name: "unknown encoding", ask: ask{header: h("Content-Encoding", "pigeon"), body: b("SELECT 1")}, status: 501, like: `pigeon`},

	{name: "basic wrong password", ask: ask{user: wrong, body: b("SELECT 1")}, status: 403, like: `^Code: 516\.`},
	{name: "headers", ask: ask{anon: true, header: h("X-ClickHouse-User", "viewer", "X-ClickHouse-Key", "look"), body: b("SELECT 1")}, body: "1\n"},
	{name: "url user", ask: ask{anon: true, params: v("user", "viewer", "password", "look"), body: b("SELECT 1")}, body: "1\n"},
	{name: "nobody", ask: ask{anon: true, body: b("SELECT 1")}, status: 401, like: `^Code: 194\.`, header: map[string]string{"WWW-Authenticate": "~Basic"}},
	{name: "reader reads", ask: ask{user: viewer, body: b("SELECT 1 SETTINGS max_threads = 1")}, body: "1\n"},
	{name: "reader can't insert", setup: []string{table}, ask: ask{user: viewer, body: b("INSERT INTO x VALUES (1, 'a')")}, status: 500, like: `^Code: 164\.`},
	{name: "reader can't drop", setup: []string{table}, ask: ask{user: viewer, body: b("DROP TABLE x")}, status: 500, like: `^Code: 164\.`, then: "SELECT count() FROM x => 0"},
	{name: "reader can't lift the limit", ask: ask{user: viewer, params: v("readonly", "0"), body: b("SELECT 1")}, status: 500, like: `^Code: 164\.`},
	{name: "reader can't read files", ask: ask{user: viewer, body: b("SELECT * FROM file('/etc/passwd', 'LineAsString')")}, status: 403, like: `^Code: 497\.`},

	{name: "session", setup: []string{"session:CREATE TEMPORARY TABLE tt (a UInt8)"}, ask: ask{params: v("session_id", "s"), body: b("SELECT count() FROM tt")}, body: "0\n"},
	{name: "session check", ask: ask{params: v("session_id", "never seen", "session_check", "1"), body: b("SELECT 1")}, status: 500, like: `^Code: 372\.`},
	{name: "settings don't stay in a session", setup: []string{"session:SELECT 1"}, ask: ask{params: v("session_id", "s", "max_block_size", "7", "database", "system"), body: b("SELECT currentDatabase()")}, body: "system\n", then: "session:SELECT currentDatabase(), getSetting('max_block_size') = 7 => default\t0"},
	{name: "set stays in a session", setup: []string{"session:SET max_block_size = 9"}, ask: ask{params: v("session_id", "s"), body: b("SELECT getSetting('max_block_size')")}, body: "9\n"},
	{name: "external table", ask: form("ext", "1\ta\n2\tb\n", "ext_structure", "n UInt32, s String", "query", "SELECT max(n) FROM ext"), body: "2\n"},
	{name: "external table by types", ask: form("ext", "1,a\n", "ext_types", "UInt32,String", "ext_format", "CSV", "query", "SELECT _2 FROM ext"), body: "a\n"},
	{name: "external table that breaks out", ask: form("ext", "1\n", "ext_structure", "n UInt32) ENGINE = File(CSV", "query", "SELECT 1"), status: 400, like: `^Code: 62\.`},

	{name: "wait end of query", ask: ask{params: v("wait_end_of_query", "1"), body: b("SELECT throwIf(number = 900000) FROM numbers(1000000)")}, status: 500, like: `^Code: 395\.`},
	{name: "tier policy", ask: ask{body: b("SELECT volume_name, disks FROM system.storage_policies WHERE policy_name = 'tollkeeper' ORDER BY volume_priority")}, body: "hot\t['hot']\nwarm\t['warm']\ncold\t['cold']\n"},
	{name: "backup goes to the allowed place only", ask: ask{body: b("BACKUP DATABASE default TO File('/etc/nope')")}, status: 400, like: `not allowed for backups`},
}

const table = "CREATE TABLE x (n UInt32, s String) ENGINE = MergeTree ORDER BY n"

func TestConformance(t *testing.T) {
	s := engine(t)
	for _, c := range conformance {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			db := ""
			run := func(sql string) answer {
				a := ask{params: url.Values{}}
				if rest, ok := strings.CutPrefix(sql, "session:"); ok {
					sql = rest
					a.params.Set("session_id", "s"+t.Name())
				} else if db != "" {
					a.params.Set("database", db)
				}
				a.body = b(sql)
				return do(t, s, a)
			}
			if len(c.setup) > 0 && !strings.HasPrefix(c.setup[0], "session:") {
				db = "conformance_db"
				run("DROP DATABASE IF EXISTS " + db)
				db = ""
				require.Equal(t, 200, run("CREATE DATABASE conformance_db").status)
				db = "conformance_db"
			}
			for _, sql := range c.setup {
				a := run(sql)
				require.Equal(t, 200, a.status, a.body)
			}
			a := c.ask
			a.params = url.Values{}
			for k, values := range c.ask.params {
				a.params[k] = values
			}
			if a.params.Has("session_id") {
				a.params.Set("session_id", "s"+t.Name())
			}
			if db != "" {
				a.params.Set("database", db)
			}
			got := do(t, s, a)
			want := c.status
			if want == 0 {
				want = http.StatusOK
			}
			require.Equal(t, want, got.status, got.body)
			if c.like != "" {
				require.Regexp(t, regexp.MustCompile(c.like), got.body)
			} else {
				require.Equal(t, c.body, got.body)
			}
			for name, value := range c.header {
				if like, ok := strings.CutPrefix(value, "~"); ok {
					require.Contains(t, got.header.Get(name), like, name)
				} else {
					require.Equal(t, value, got.header.Get(name), name)
				}
			}
			if c.then != "" {
				sql, answer, _ := strings.Cut(c.then, " => ")
				require.Equal(t, answer, strings.TrimSuffix(run(sql).body, "\n"), sql)
			}
		})
	}
}

// TestAnswerEncodings reads a result in every HTTP compression and in ClickHouse's own blocks.
func TestAnswerEncodings(t *testing.T) {
	s := engine(t)
	const sql = "SELECT number FROM numbers(300000)"
	want := query(t, s, admin, sql) + "\n"
	decoders := map[string]func(io.Reader) (io.Reader, error){
		"gzip":    func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"deflate": func(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) },
		"br":      func(r io.Reader) (io.Reader, error) { return brotli.NewReader(r), nil },
		"zstd":    func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) },
	}
	for name, decode := range decoders {
		t.Run(name, func(t *testing.T) {
			a := do(t, s, ask{header: h("Accept-Encoding", name), body: b(sql)})
			require.Equal(t, name, a.header.Get("Content-Encoding"))
			require.Less(t, len(a.body), len(want))
			r, err := decode(strings.NewReader(a.body))
			require.NoError(t, err)
			got, err := io.ReadAll(r)
			require.NoError(t, err)
			require.True(t, want == string(got))
		})
	}
	t.Run("switched off", func(t *testing.T) {
		a := do(t, s, ask{params: v("enable_http_compression", "0"), header: h("Accept-Encoding", "gzip"), body: b("SELECT 1")})
		require.Equal(t, "1\n", a.body)
	})
	t.Run("blocks", func(t *testing.T) {
		a := do(t, s, ask{params: v("compress", "1"), body: b(sql)})
		var got bytes.Buffer
		_, err := got.ReadFrom(compress.NewReader(strings.NewReader(a.body)))
		require.ErrorContains(t, err, "EOF") // ch-go's reader has no clean end
		require.True(t, want == got.String())
	})
}

var wrong = clickhouse.User{Name: "default", Password: "guess"}

func b(s string) []byte { return []byte(s) }

func v(pairs ...string) url.Values {
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return values
}

func h(pairs ...string) http.Header {
	header := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		header.Set(pairs[i], pairs[i+1])
	}
	return header
}

// packed is an insert of one row in an HTTP content encoding.
func packed(encoding string) ask {
	var out bytes.Buffer
	var w io.WriteCloser
	switch encoding {
	case "gzip":
		w = gzip.NewWriter(&out)
	case "deflate":
		w = zlib.NewWriter(&out)
	case "br":
		w = brotli.NewWriter(&out)
	case "zstd":
		w, _ = zstd.NewWriter(&out)
	case "lz4":
		w = lz4.NewWriter(&out)
	}
	_, _ = w.Write(b("1,a\n"))
	_ = w.Close()
	return ask{params: v("query", "INSERT INTO x FORMAT CSV"), header: h("Content-Encoding", encoding), body: out.Bytes()}
}

// blocks is an insert of one row in ClickHouse's compressed blocks, short of the last bytes.
func blocks(method compress.Method, short int) ask {
	w := compress.NewWriter(compress.LevelZero, method)
	if err := w.Compress(b("1,a\n")); err != nil {
		panic(err)
	}
	return ask{params: v("query", "INSERT INTO x FORMAT CSV", "decompress", "1"), body: bytes.Clone(w.Data[:len(w.Data)-short])}
}

// form is a multipart request with one file and some fields.
func form(file, data string, fields ...string) ask {
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	for i := 0; i < len(fields); i += 2 {
		_ = w.WriteField(fields[i], fields[i+1])
	}
	part, _ := w.CreateFormFile(file, file)
	_, _ = part.Write(b(data))
	_ = w.Close()
	return ask{header: h("Content-Type", w.FormDataContentType()), body: out.Bytes()}
}
