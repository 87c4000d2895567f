// Package schematest gives tests databases that have the product's schema, empty. To make one takes some hundred
// statements, seconds on a busy machine; so a test's database is emptied at its end and given to the next, unless the test
// has changed more than rows. What is inserted isn't synced to the disk, which takes longer than all the rest of an insert: no test
// cuts the power.
package schematest

import (
	"context"
	"fmt"
	"slices"
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
	name, options, shape string
}

// Database returns the URL of a database with the schema in its default options, or in what change makes of them, and no rows. It
// belongs to the test until that ends: what still writes then has to be stopped by a Cleanup that is registered later.
func Database(t testing.TB, engine *clickhousetest.Server, change ...func(*schema.Options)) string {
	t.Helper()
	opts := schema.DefaultOptions()
	for _, f := range change {
		f(&opts)
	}
	d := take(fmt.Sprintf("%+v", opts))
	if d.shape == "" {
		if _, err := schema.Apply(context.Background(), engine.URL(d.name), opts); err != nil {
			t.Fatalf("schema: %v", err)
		}
		unsynced(t, engine, d.name)
		d.shape = shapeOf(t, engine, d.name)
	}
	t.Cleanup(func() { giveBack(t, engine, d) })
	return engine.URL(d.name)
}

// KeptForEver has no class of data expire: for tests whose days are fixed and pass.
func KeptForEver(o *schema.Options) { o.Retention = schema.Retention{} }

func take(options string) database {
	free.Lock()
	defer free.Unlock()
	for i := len(free.databases) - 1; i >= 0; i-- {
		if d := free.databases[i]; d.options == options {
			free.databases = slices.Delete(free.databases, i, i+1)
			return d
		}
	}
	free.made++
	return database{name: fmt.Sprintf("ledger_%d", free.made), options: options}
}

func unsynced(t testing.TB, engine *clickhousetest.Server, name string) {
	t.Helper()
	synced := engine.Exec(t, "", "SELECT name FROM system.tables WHERE database = '"+name+"' AND create_table_query LIKE '%fsync_after_insert = 1%'")
	for _, table := range strings.Fields(synced) {
		engine.Exec(t, "", "ALTER TABLE "+name+"."+table+" MODIFY SETTING fsync_after_insert = 0, fsync_part_directory = 0, min_rows_to_fsync_after_merge = 0")
	}
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
