package clickhouse

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// externalTable is data a client sends along with a query (docs: engines/table-engines/special/external-data): a file
// of a multipart form, and <name>_structure or <name>_types and <name>_format beside it.
type externalTable struct {
	name, format, structure string
	data                    *os.File
}

func multipartBoundary(r *http.Request) string {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		return ""
	}
	return params["boundary"]
}

// readForm reads a multipart body: fields are parameters like those of the URL, files are external tables. What is left as
// body is nothing.
func (f *front) readForm(q *request, params url.Values, body io.Reader, boundary string) (io.Reader, error) {
	form := multipart.NewReader(body, boundary)
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return strings.NewReader(""), q.describeTables(params)
		}
		if err != nil {
			return nil, bodyError(err)
		}
		if !isFile(part) {
			value, err := readUpTo(part, maxStatement)
			if err != nil {
				return nil, err
			}
			if name := part.FormName(); name == "query" && params.Has("query") {
				params.Set(name, params.Get("query")+string(value))
			} else {
				params.Set(name, string(value))
			}
			continue
		}
		data, err := f.spool(part)
		if err != nil {
			return nil, err
		}
		q.tables = append(q.tables, externalTable{name: part.FormName(), data: data})
	}
}

// isFile says whether a part is a file, maybe one with an empty name, as clickhouse-go sends it.
func isFile(part *multipart.Part) bool {
	_, params, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	_, named := params["filename"]
	return err == nil && named
}

func (q *request) describeTables(params url.Values) error {
	for i := range q.tables {
		t := &q.tables[i]
		t.format = first(params.Get(t.name+"_format"), "TabSeparated")
		t.structure = params.Get(t.name + "_structure")
		if types := params.Get(t.name + "_types"); t.structure == "" && types != "" {
			for n, kind := range strings.Split(types, ",") {
				t.structure += fmt.Sprintf(", _%d %s", n+1, kind)
			}
			t.structure = strings.TrimPrefix(t.structure, ", ")
		}
		if !identifier.MatchString(t.name) || !identifier.MatchString(t.format) || t.structure == "" {
			return newException(codeBadArguments, "BAD_ARGUMENTS", "external table %q needs a plain name, %s_structure and a known %s_format", t.name, t.name, t.name)
		}
	}
	return nil
}

// describesTable says that a parameter belongs to an external table.
func (q *request) describesTable(param string) bool {
	for _, t := range q.tables {
		if param == t.name+"_format" || param == t.name+"_structure" || param == t.name+"_types" {
			return true
		}
	}
	return false
}

// create makes the table on the connection and fills it.
func (t externalTable) create(c *conn) error {
	name := quoteIdentifier(t.name)
	// The structure is the client's text: it must stay inside its brackets.
	lex := lexer{text: t.structure}
	for token, ok := lex.next(); ok; token, ok = lex.next() {
		if token.kind == tokenBroken || token.depth < 0 || lex.depth < 0 || token.kind == tokenPunct && t.structure[token.start] == ';' {
			return newException(codeSyntaxError, "SYNTAX_ERROR", "structure of external table %s: Syntax error at position %d", t.name, token.start+1)
		}
	}
	if _, err := c.run("CREATE TEMPORARY TABLE "+name+" ("+t.structure+"\n)", "Null", nil); err != nil {
		return err
	}
	path := fmt.Sprintf("/proc/self/fd/%d", t.data.Fd())
	_, err := c.run(fmt.Sprintf("INSERT INTO %s FROM INFILE '%s' FORMAT %s", name, path, t.format), "Null", nil)
	return err
}
