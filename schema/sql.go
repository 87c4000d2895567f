package schema

import (
	"embed"
	"fmt"
	"io/fs"
	"sort"
	"strings"
)

//go:embed queries
var queries embed.FS

// SQL returns the text of queries/<name>.sql, for example SQL("ingest/insert_marks"). Names are fixed at compile
// time, so an unknown one is a programming error and panics; a test asks for every name in use.
func SQL(name string) string {
	b, err := queries.ReadFile("queries/" + name + ".sql")
	if err != nil {
		panic(fmt.Sprintf("schema: no query %q: %v", name, err))
	}
	return strings.TrimSpace(string(b))
}

// Names lists all queries, sorted.
func Names() []string {
	var names []string
	_ = fs.WalkDir(queries, "queries", func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".sql") {
			names = append(names, strings.TrimSuffix(strings.TrimPrefix(path, "queries/"), ".sql"))
		}
		return err
	})
	sort.Strings(names)
	return names
}
