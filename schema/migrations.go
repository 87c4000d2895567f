package schema

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"text/template"
)

//go:embed migrations
var migrationFiles embed.FS

var (
	identifier    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	migrationName = regexp.MustCompile(`^([0-9]{4})_([a-z0-9_]+)\.sql$`)
)

// Migration is one step of the database's history. Steps only go forward, and every statement of a step can be run
// again without harm, so that two processes may migrate at once and a stopped one may start over.
type Migration struct {
	ID       uint32
	Name     string // tables
	Checksum string // SHA-256 of the template's text, in hex: changed retention doesn't change it
	text     string
}

// String is the migration's file name without its extension: 0001_tables.
func (m Migration) String() string { return fmt.Sprintf("%04d_%s", m.ID, m.Name) }

// Migrations are all steps this program knows, in order.
func Migrations() ([]Migration, error) { return readMigrations(migrationFiles) }

func readMigrations(files fs.FS) ([]Migration, error) {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	sort.Strings(names)
	var out []Migration
	last := 0
	for _, path := range names {
		base := strings.TrimPrefix(path, "migrations/")
		parts := migrationName.FindStringSubmatch(base)
		if parts == nil {
			return nil, fmt.Errorf("migration %s: want a name like 0003_what_it_does.sql", base)
		}
		id, _ := strconv.Atoi(parts[1])
		if id <= last {
			return nil, fmt.Errorf("migration %s: want a number above %04d: numbers are used once", base, last)
		}
		last = id
		text, err := fs.ReadFile(files, path)
		if err != nil {
			return nil, fmt.Errorf("read migration %s: %w", base, err)
		}
		sum := sha256.Sum256(text)
		out = append(out, Migration{ID: uint32(id), Name: parts[2], Checksum: hex.EncodeToString(sum[:]), text: string(text)})
	}
	return out, nil
}

// Render returns the migration's statements for a database, without comments and each on one line.
func (m Migration) Render(database string, opts Options) ([]string, error) {
	text, err := m.render(database, opts)
	if err != nil {
		return nil, err
	}
	return Statements(text), nil
}

func (m Migration) render(database string, opts Options) (string, error) {
	if !identifier.MatchString(database) {
		return "", fmt.Errorf("database %q: use letters, digits and _", database)
	}
	t, err := template.New(m.String()).Option("missingkey=error").Parse(m.text)
	if err != nil {
		return "", fmt.Errorf("parse migration %s: %w", m, err)
	}
	ttl := map[string]string{}
	for _, c := range opts.Retention.classes() {
		ttl[c.key] = c.class.ttl(c.key, c.column, opts.Policy != DefaultPolicy)
	}
	var b strings.Builder
	err = t.Execute(&b, map[string]any{
		"Database": database,
		"Policy":   opts.Policy,
		"TTL":      ttl,
		"Levels":   []string{"minute", "hour", "day"},
		"LevelsBy": []string{"hour", "day"},
	})
	if err != nil {
		return "", fmt.Errorf("render migration %s: %w", m, err)
	}
	return b.String(), nil
}

// Statements splits SQL text at semicolons outside quotes and comments, drops comments, and folds white space outside
// quotes into single spaces.
func Statements(text string) []string {
	var out []string
	var b strings.Builder
	flush := func() {
		if s := strings.TrimSpace(b.String()); s != "" {
			out = append(out, s)
		}
		b.Reset()
	}
	space := func() {
		if n := b.Len(); n > 0 && b.String()[n-1] != ' ' {
			b.WriteByte(' ')
		}
	}
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '-' && strings.HasPrefix(text[i:], "--"):
			i += lineEnd(text[i:])
			space()
		case c == '/' && strings.HasPrefix(text[i:], "/*"):
			end := strings.Index(text[i+2:], "*/")
			if end < 0 {
				i = len(text)
			} else {
				i += end + 4
			}
			space()
		case c == '\'' || c == '`' || c == '"':
			n := quoted(text[i:])
			b.WriteString(text[i : i+n])
			i += n
		case c == ';':
			flush()
			i++
		case c == ' ' || c == '\n' || c == '\t' || c == '\r':
			space()
			i++
		default:
			b.WriteByte(c)
			i++
		}
	}
	flush()
	return out
}

func lineEnd(s string) int {
	if n := strings.IndexByte(s, '\n'); n >= 0 {
		return n
	}
	return len(s)
}

// quoted returns the length of the quoted text s starts with, closing quote included; backslash escapes.
func quoted(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case s[0]:
			return i + 1
		}
	}
	return len(s)
}
