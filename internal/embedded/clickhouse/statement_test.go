package clickhouse

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseStatement(t *testing.T) {
	for _, c := range []struct {
		text   string
		kind   statementKind
		format string
		sent   string // the statement as the engine gets it, with path P and default format D
		data   string
	}{
		{"SELECT 1", statementRows, "", "SELECT 1\nINTO OUTFILE 'P' APPEND FORMAT D", ""},
		{"SELECT 1;", statementRows, "", "SELECT 1\nINTO OUTFILE 'P' APPEND FORMAT D", ""},
		{"select 1 format CSV settings a = 1 -- x", statementRows, "CSV", "select 1 \nINTO OUTFILE 'P' APPEND format CSV settings a = 1", ""},
		{"SELECT format FROM x", statementRows, "", "SELECT format FROM x\nINTO OUTFILE 'P' APPEND FORMAT D", ""},
		{"SELECT a AS format ORDER BY format DESC", statementRows, "", "SELECT a AS format ORDER BY format DESC\nINTO OUTFILE 'P' APPEND FORMAT D", ""},
		{"SELECT (1 FORMAT CSV)", statementRows, "", "SELECT (1 FORMAT CSV)\nINTO OUTFILE 'P' APPEND FORMAT D", ""},
		{"SELECT $x$ ; FORMAT CSV $x$", statementRows, "", "SELECT $x$ ; FORMAT CSV $x$\nINTO OUTFILE 'P' APPEND FORMAT D", ""},
		{"WITH 1 AS a INSERT INTO x SELECT a", statementEffect, "", "", ""},
		{"CREATE TABLE x (a UInt8)", statementEffect, "", "", ""},
		{"INSERT INTO x SELECT 1", statementEffect, "", "", ""},
		{"INSERT INTO x (SELECT 1)", statementEffect, "", "", ""},
		{"INSERT INTO x (a, b) VALUES (1, ';')", statementInsertData, "Values", "INSERT INTO x (a, b) FROM INFILE 'P' FORMAT Values", " (1, ';')"},
		{"INSERT INTO x VALUES(1)", statementInsertData, "Values", "INSERT INTO x FROM INFILE 'P' FORMAT Values", "(1)"},
		{"INSERT INTO x SETTINGS a='VALUES' VALUES (1)", statementInsertData, "Values", "INSERT INTO x FROM INFILE 'P' SETTINGS a='VALUES' FORMAT Values", " (1)"},
		{"INSERT INTO x FORMAT CSV\n\n1", statementInsertData, "CSV", "INSERT INTO x FROM INFILE 'P'  FORMAT CSV", "\n1"},
		{"INSERT INTO x FORMAT CSV \t\r\n'", statementInsertData, "CSV", "INSERT INTO x FROM INFILE 'P'  FORMAT CSV", "'"},
		{"INSERT INTO x SETTINGS a = 1 FORMAT CSV 1", statementInsertData, "CSV", "INSERT INTO x FROM INFILE 'P'  SETTINGS a = 1 FORMAT CSV", "1"},
		{"INSERT INTO x FORMAT CSV SETTINGS a = -1, b='c'\n1", statementInsertData, "CSV", "INSERT INTO x FROM INFILE 'P'  SETTINGS a = -1, b='c' FORMAT CSV", "1"},
		{"INSERT INTO d.format FORMAT CSV 1", statementInsertData, "CSV", "INSERT INTO d.format FROM INFILE 'P'  FORMAT CSV", "1"},
		{"INSERT INTO values VALUES (1)", statementInsertData, "Values", "INSERT INTO values FROM INFILE 'P' FORMAT Values", " (1)"},
		{"INSERT INTO `FORMAT CSV` FORMAT CSV 1", statementInsertData, "CSV", "INSERT INTO `FORMAT CSV` FROM INFILE 'P'  FORMAT CSV", "1"},
		{"INSERT INTO x /* FORMAT CSV */ (`values`) FORMAT values (1)", statementInsertData, "Values", "INSERT INTO x /* FORMAT CSV */ (`values`) FROM INFILE 'P'  FORMAT values", "(1)"},
		{"INSERT INTO x SELECT a FROM input('a UInt8') WHERE a FORMAT CSV 1", statementInsertData, "CSV", "INSERT INTO x SELECT a FROM file('P', 'CSV', 'a UInt8') WHERE a \n", "1"},
	} {
		t.Run(c.text, func(t *testing.T) {
			st, err := parseStatement(c.text)
			require.NoError(t, err)
			require.Equal(t, c.kind, st.kind)
			require.Equal(t, c.format, st.format)
			switch st.kind {
			case statementRows:
				require.Equal(t, c.sent, st.intoFile("P", "D"))
			case statementInsertData:
				require.Equal(t, c.sent, st.fromFile("P"))
				require.Equal(t, c.data, c.text[st.data:])
			}
		})
	}
}

func FuzzParseStatement(f *testing.F) {
	for _, s := range []string{"SELECT 1 FORMAT CSV SETTINGS a=1;", "INSERT INTO x (a) SETTINGS b='c' FORMAT CSV SETTINGS d=-1,e=2\n1", "INSERT INTO x SELECT * FROM input('a') FORMAT CSV 1", "(WITH $a$ $a$ /* */ SELECT `a``b`)", "INSERT INTO x VALUES (1)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		st, err := parseStatement(text)
		if err != nil {
			var ex *Exception
			require.ErrorAs(t, err, &ex)
			return
		}
		require.LessOrEqual(t, st.splice, len(st.text))
		switch st.kind {
		case statementRows:
			require.True(t, strings.HasPrefix(st.intoFile("P", "D"), st.text[:st.splice]))
		case statementInsertData:
			require.LessOrEqual(t, st.data, len(text))
			require.GreaterOrEqual(t, st.data, len(st.text))
			require.Contains(t, st.fromFile("P"), "'P'")
		}
	})
}

// FuzzRequest reads whole requests: it never panics and every error is a ClickHouse exception with a status of its own.
func FuzzRequest(f *testing.F) {
	f.Add("query=SELECT+1&max_threads=1", "", "", "", "")
	f.Add("query=INSERT+INTO+x+FORMAT+CSV&decompress=1", "gzip", "", "", "\x1f\x8b")
	f.Add("", "", "multipart/form-data; boundary=x", "JSON", "--x\r\nContent-Disposition: form-data; name=\"t\"; filename=\"\"\r\n\r\n1\r\n--x--\r\n")
	f.Add("user=u&password=p&session_id=1&session_timeout=9", "br", "", "", "SELECT 1")
	f.Add("query=INSERT+INTO+x+VALUES&decompress=1", "", "", "", strings.Repeat("\x00", 40))
	front := &front{users: map[string]User{"default": {Name: "default"}, "u": {Name: "u", Password: "p", Tenant: "t"}}, layout: layout{Tmp: f.TempDir()}}
	f.Fuzz(func(t *testing.T, query, encoding, contentType, format, body string) {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.URL.RawQuery = query
		r.Header.Set("Content-Encoding", encoding)
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("X-ClickHouse-Format", format)
		q, err := front.readRequest(r)
		defer q.close()
		if err != nil {
			var ex *Exception
			require.True(t, errors.As(err, &ex), "%v", err)
			require.GreaterOrEqual(t, ex.status(), 400)
			return
		}
		for _, sql := range append(q.setup(true), q.limit()) {
			lex := lexer{text: sql}
			for token, ok := lex.next(); ok; token, ok = lex.next() {
				require.NotEqual(t, tokenBroken, token.kind, sql)
				require.False(t, token.kind == tokenPunct && sql[token.start] == ';', sql)
			}
		}
	})
}
