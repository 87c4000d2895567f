// Package schematest gives tests databases that have the product's schema, empty. To make one takes some hundred
// statements, seconds on a busy machine; so a test's database is emptied at its end and given to the next, unless the test
// has changed more than rows.
package schematest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/schema"
)

var free struct { // of the process's engine
	sync.Mutex
	databases []database
	made      int
}

type database struct {
	name, shape string
}

// Database returns the URL of a database with the schema in its default options and no rows. It belongs to the test until
// that ends: what still writes then has to be stopped by a Cleanup that is registered later.
func Database(t testing.TB, engine *clickhousetest.Server) string {
	t.Helper()
	d := take()
	if d.shape == "" {
		if _, err := schema.Apply(context.Background(), engine.URL(d.name), schema.DefaultOptions()); err != nil {
			t.Fatalf("schema: %v", err)
		}
		d.shape = shapeOf(t, engine, d.name)
	}
	t.Cleanup(func() { giveBack(t, engine, d) })
	return engine.URL(d.name)
}

func take() database {
	free.Lock()
	defer free.Unlock()
	if n := len(free.databases); n > 0 {
		d := free.databases[n-1]
		free.databases = free.databases[:n-1]
		return d
	}
	free.made++
	return database{name: fmt.Sprintf("ledger_%d", free.made)}
}

func giveBack(t testing.TB, engine *clickhousetest.Server, d database) {
	t.Helper()
	if shapeOf(t, engine, d.name) != d.shape {
		engine.Exec(t, "", "DROP DATABASE IF EXISTS "+d.name)
		return
	}
	full := engine.Exec(t, "", "SELECT name FROM system.tables WHERE database = '"+d.name+"' AND total_rows > 0 AND name != 'schema_migrations'")
	for _, table := range strings.Fields(full) {
		engine.Exec(t, "", "TRUNCATE TABLE "+d.name+"."+table)
	}
	free.Lock()
	defer free.Unlock()
	free.databases = append(free.databases, d)
}

// shapeOf is a hash of all but the rows: definitions, and what the migrations wrote down.
func shapeOf(t testing.TB, engine *clickhousetest.Server, name string) string {
	t.Helper()
	tables := engine.Exec(t, "", "SELECT count(), sum(cityHash64(name, create_table_query)) FROM system.tables WHERE database = '"+name+"'")
	if tables == "0\t0" {
		return "gone"
	}
	return tables + "\t" + engine.Exec(t, "", "SELECT count() FROM "+name+".schema_migrations")
}
