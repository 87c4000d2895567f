package schema

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// historyTable is the one statement that is not in a migration: the table that remembers them. Two processes that
// apply a step at once write the same row twice, which is why it replaces.
func historyTable(database string) string {
	return "CREATE TABLE IF NOT EXISTS " + database + ".schema_migrations (id UInt32, name String, checksum String, " +
		"server String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3)) ENGINE = ReplacingMergeTree ORDER BY id " +
		"SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"
}

// pending compares the known migrations with the applied ones.
func (s *session) pending(ctx context.Context) (pending, done []Migration, err error) {
	all, err := Migrations()
	if err != nil {
		return nil, nil, err
	}
	applied, err := s.applied(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, m := range all {
		a, ok := applied[m.ID]
		delete(applied, m.ID)
		switch {
		case !ok:
			pending = append(pending, m)
		case len(pending) > 0:
			return nil, nil, fmt.Errorf("%s: migration %s is applied but %s before it is not: the database was made by a program between two releases, or the history in schema_migrations "+
				"was changed by hand; go on with the program that made it, or restore the history",
				s.target.Database, m, pending[0])
		case a.Checksum != m.Checksum:
			return nil, nil, fmt.Errorf("%s: migration %s was applied with another text (checksum %.12s…, this program has %.12s…): "+
				"applied migrations never change; use the program that applied it, or write a new migration", s.target.Database, m, a.Checksum, m.Checksum)
		default:
			done = append(done, m)
		}
	}
	if len(applied) > 0 {
		newest := applied[slices.Max(slices.Collect(maps.Keys(applied)))]
		return nil, nil, fmt.Errorf("%s: migration %s was applied by a newer program: upgrade this one (it knows those up to %s)",
			s.target.Database, newest, all[len(all)-1])
	}
	return pending, done, nil
}

func (s *session) applied(ctx context.Context) (map[uint32]Migration, error) {
	out := map[uint32]Migration{}
	if !s.exists {
		return out, nil
	}
	var n uint64
	ours := parameters(ctx, clickhouse.Parameters{"database": s.target.Database})
	if err := s.conn.QueryRow(ours, SQL("schema/history_exists")).Scan(&n); err != nil {
		return nil, fmt.Errorf("look for %s.schema_migrations: %w", s.target.Database, err)
	}
	if n == 0 {
		return out, nil
	}
	rows, err := s.conn.Query(ours, SQL("schema/history"))
	if err != nil {
		return nil, fmt.Errorf("read %s.schema_migrations: %w", s.target.Database, err)
	}
	defer rows.Close()
	for rows.Next() {
		var m Migration
		if err := rows.Scan(&m.ID, &m.Name, &m.Checksum); err != nil {
			return nil, fmt.Errorf("read %s.schema_migrations: %w", s.target.Database, err)
		}
		out[m.ID] = m
	}
	return out, rows.Err()
}

// migrate runs one step and remembers it. Its statements can be run again, so a crash before the last line is harmless.
func (s *session) migrate(ctx context.Context, m Migration) error {
	statements, err := m.Render(s.target.Database, s.opts)
	if err != nil {
		return err
	}
	for i, statement := range statements {
		if err := s.exec(ctx, statement); err != nil {
			return fmt.Errorf("migration %s, statement %d (%s): %w", m, i+1, firstWords(statement), err)
		}
	}
	p := clickhouse.Parameters{"database": s.target.Database, "id": fmt.Sprint(m.ID), "name": m.Name, "checksum": m.Checksum, "server": s.version}
	if err := s.conn.Exec(parameters(ctx, p), SQL("schema/history_add")); err != nil {
		return fmt.Errorf("remember migration %s: %w", m, err)
	}
	return nil
}
