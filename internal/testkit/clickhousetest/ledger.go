package clickhousetest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/tollkeeper/tollkeeper/schema"
)

// Ledger returns the URL of a database with the product's schema by its default options, and no rows. The schema is applied
// to as many databases as there are tests at once and not once a test, which would cost more than most tests: at its end a
// test's database is emptied and left to the next one. A test that changes tables takes Database.
func (s *Server) Ledger(t testing.TB) string {
	t.Helper()
	name, used := s.take()
	url := s.URL(name)
	if !used {
		if _, err := schema.Apply(context.Background(), url, schema.DefaultOptions()); err != nil {
			t.Fatalf("ledger: %v", err)
		}
	}
	t.Cleanup(func() {
		const filled = `SELECT name FROM system.tables WHERE database = '%s' AND engine LIKE '%%MergeTree' AND name != 'schema_migrations' AND total_rows > 0`
		for table := range strings.FieldsSeq(s.Exec(t, "", fmt.Sprintf(filled, name))) {
			s.Exec(t, url, "TRUNCATE TABLE "+table)
		}
		shared.Lock()
		defer shared.Unlock()
		shared.free = append(shared.free, name)
	})
	return url
}

// take is the name of a ledger that no test has.
func (s *Server) take() (name string, used bool) {
	shared.Lock()
	defer shared.Unlock()
	if last := len(shared.free) - 1; last >= 0 {
		name := shared.free[last]
		shared.free = shared.free[:last]
		return name, true
	}
	shared.ledgers++
	return fmt.Sprintf("ledger_%d", shared.ledgers), false
}
