package schema

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// definition is a CREATE statement taken apart. Wanted and live ones are both written by the server's own formatter,
// so they can be compared as text.
type definition struct {
	name     string // without database
	view     bool
	columns  []column // tables only; indexes and projections count as columns
	engine   string
	clauses  map[string]string // PARTITION BY, PRIMARY KEY, ORDER BY, SAMPLE BY, TTL
	settings map[string]string
	query    string // views only: the text after AS
}

type column struct{ name, text string }

var createHead = regexp.MustCompile("^CREATE (?:OR REPLACE )?(TABLE|VIEW) (?:IF NOT EXISTS )?`?[A-Za-z0-9_]+`?\\.`?([A-Za-z0-9_]+)`? ?")

// parseDefinition reads one formatted CREATE TABLE or CREATE VIEW; ok is false for any other statement.
func parseDefinition(sql string) (d definition, ok bool) {
	head := createHead.FindStringSubmatch(sql)
	if head == nil {
		return d, false
	}
	d = definition{name: head[2], view: head[1] == "VIEW", clauses: map[string]string{}, settings: map[string]string{}}
	rest := sql[len(head[0]):]
	if d.view {
		// A plain view's live text lists its columns before AS.
		if strings.HasPrefix(rest, "(") {
			rest = strings.TrimSpace(rest[closing(rest)+1:])
		}
		d.query = strings.TrimPrefix(rest, "AS ")
		return d, true
	}
	end := closing(rest)
	for _, c := range splitTop(rest[1:end], ", ") {
		name, text, _ := strings.Cut(c, " ")
		if name == "INDEX" || name == "PROJECTION" {
			second, _, _ := strings.Cut(text, " ")
			name += " " + second
		}
		d.columns = append(d.columns, column{strings.Trim(name, "`"), c})
	}
	keyword := ""
	for _, part := range splitClauses(rest[end+1:]) {
		keyword = part.keyword
		switch keyword {
		case "ENGINE =":
			d.engine = part.text
		case "SETTINGS":
			for _, s := range splitTop(part.text, ", ") {
				k, v, _ := strings.Cut(s, " = ")
				d.settings[k] = v
			}
		default:
			d.clauses[keyword] = part.text
		}
	}
	return d, true
}

var clauseKeywords = []string{"ENGINE =", "PARTITION BY", "PRIMARY KEY", "ORDER BY", "SAMPLE BY", "TTL", "SETTINGS", "COMMENT"}

type clause struct{ keyword, text string }

// splitClauses cuts what follows a table's columns at the clause keywords outside brackets and quotes.
func splitClauses(s string) []clause {
	var out []clause
	depth, from := 0, 0
	close := func(i int) {
		if len(out) > 0 {
			out[len(out)-1].text = strings.TrimSpace(s[from:i])
		}
	}
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '(':
			depth++
		case ')':
			depth--
		case '\'', '`':
			i += quoted(s[i:]) - 1
		}
		if depth != 0 || (i > 0 && s[i-1] != ' ') {
			continue
		}
		for _, k := range clauseKeywords {
			if strings.HasPrefix(s[i:], k+" ") {
				close(i)
				out = append(out, clause{keyword: k})
				from = i + len(k)
				break
			}
		}
	}
	close(len(s))
	return out
}

// closing returns the index of the bracket that closes the one s starts with.
func closing(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i
			}
		case '\'', '`':
			i += quoted(s[i:]) - 1
		}
	}
	return len(s) - 1
}

// splitTop splits at sep outside brackets and quotes.
func splitTop(s, sep string) []string {
	var out []string
	depth, from := 0, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '(':
			depth++
		case ')':
			depth--
		case '\'', '`':
			i += quoted(s[i:]) - 1
			continue
		}
		if depth == 0 && strings.HasPrefix(s[i:], sep) {
			out = append(out, s[from:i])
			from = i + len(sep)
		}
	}
	return append(out, s[from:])
}

// wanted returns the definitions that the migrations add up to, formatted by the server, in order of creation.
func wanted(ctx context.Context, conn driver.Conn, steps []Migration, database string, opts Options) ([]definition, error) {
	var statements []string
	for _, m := range steps {
		rendered, err := m.Render(database, opts)
		if err != nil {
			return nil, err
		}
		statements = append(statements, rendered...)
	}
	var formatted []string
	if err := conn.QueryRow(ctx, SQL("schema/format"), clickhouse.Named("statements", statements)).Scan(&formatted); err != nil {
		return nil, fmt.Errorf("format the migrations: %w", err)
	}
	var out []definition
	for _, s := range formatted {
		var err error
		if out, err = addStatement(out, s); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func replaceDefinition(all []definition, d definition) []definition {
	for i := range all {
		if all[i].name == d.name {
			all[i] = d
			return all
		}
	}
	return append(all, d)
}

// live returns the database's definitions by name.
func live(ctx context.Context, conn driver.Conn, database string) (map[string]definition, error) {
	rows, err := conn.Query(parameters(ctx, clickhouse.Parameters{"database": database}), SQL("schema/tables"))
	if err != nil {
		return nil, fmt.Errorf("read tables of %s: %w", database, err)
	}
	defer rows.Close()
	out := map[string]definition{}
	for rows.Next() {
		var create string
		if err := rows.Scan(&create); err != nil {
			return nil, fmt.Errorf("read tables of %s: %w", database, err)
		}
		if d, ok := parseDefinition(create); ok {
			out[d.name] = d
		}
	}
	return out, rows.Err()
}

func parameters(ctx context.Context, p clickhouse.Parameters) context.Context {
	return clickhouse.Context(ctx, clickhouse.WithParameters(p))
}

func firstWords(s string) string {
	if len(s) > 60 {
		return s[:60] + " …"
	}
	return s
}
