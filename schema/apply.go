package schema

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// The oldest server that has deduplicate_insert, which ingest relies on to switch deduplication by block off (D3).
const (
	minServerMajor = 26
	minServerMinor = 2
)

// Report says what Apply found and did.
type Report struct {
	Server   string   // version
	Database string   //
	Created  bool     // the database was not there before
	Applied  []string // migrations applied now, such as 0001_tables
	Before   int      // migrations that were applied before
	Changed  []Change // retention and policy changed now
	Drift    []Change // what differs and was left alone
	Held     []Change // retention that would drop or move stored data at once, which Options doesn't allow
}

// Apply brings the database at url (http://user:password@host:port/database) up to this program's schema: creates it
// if need be, applies the migrations it lacks, in order, and sets retention and policy as configured. It can be run
// again and by several processes at once. It doesn't wait for a server that isn't there.
//
// Errors: a server older than 26.2, a storage policy the server hasn't got, a migration whose text changed after it was
// applied, a migration of a newer program. Retention that would drop or move what is stored now is held back and reported,
// unless the options allow it: a typing error in a number of days must not cost a year of reports.
func Apply(ctx context.Context, url string, opts Options) (Report, error) {
	s, err := connect(ctx, url, opts)
	if err != nil {
		return Report{}, err
	}
	defer s.conn.Close()
	report := Report{Server: s.version, Database: s.target.Database, Created: !s.exists}
	if !s.exists {
		s.show(Change{Kind: ChangeDatabase, Object: s.target.Database, Want: "a database"})
		if err := s.createDatabase(ctx); err != nil {
			return report, err
		}
	}
	if err := s.exec(ctx, historyTable(s.target.Database)); err != nil {
		return report, fmt.Errorf("create %s.schema_migrations: %w", s.target.Database, err)
	}
	pending, done, err := s.pending(ctx)
	if err != nil {
		return report, err
	}
	report.Before = len(done)
	for _, m := range pending {
		s.show(Change{Kind: ChangeMigration, Object: m.String(), Want: "applied"})
		if err := s.migrate(ctx, m); err != nil {
			return report, err
		}
		report.Applied = append(report.Applied, m.String())
	}
	return report, s.settle(ctx, &report)
}

// settle applies changed retention and policy and notes drift.
func (s *session) settle(ctx context.Context, report *Report) error {
	changes, err := s.diff(ctx)
	if err != nil {
		return err
	}
	for _, c := range changes {
		switch c.Kind {
		case ChangeRetention, ChangePolicy:
			if c.Effect.DropParts > 0 && !s.opts.AllowDrop || c.Effect.MoveParts > 0 && !s.opts.AllowMove {
				report.Held = append(report.Held, c)
				if s.opts.Log != nil {
					s.opts.Log.Warn("schema change held back: allow it with `tollkeeper schema apply --allow-drop --allow-move`", "object", c.Object, "have", c.Have, "want", c.Want, "effect", c.Effect.String())
				}
				continue
			}
			s.show(c)
			// The TTL written into old parts is recomputed too: without that, parts of the time before a longer
			// retention would still be dropped early, and those before a shorter one never. Tables are created with
			// materialize_ttl_recalculate_only, so only that metadata is rewritten, in the background.
			if err := s.exec(ctx, c.Statement); err != nil {
				return fmt.Errorf("set %s of %s from %s to %s%s: %w", c.Kind, c.Object, c.Have, c.Want, remedies[c.Kind], err)
			}
			report.Changed = append(report.Changed, c)
		case ChangeDrift:
			report.Drift = append(report.Drift, c)
		}
	}
	return nil
}

var remedies = map[ChangeKind]string{
	ChangePolicy: " (the server takes a policy only if it has the volumes of the one before: add those to it, or keep schema.policy)",
}

// session is a checked connection to the server, with the database "default" so that it works before ours exists.
type session struct {
	target  Target
	conn    driver.Conn
	opts    Options
	version string
	exists  bool
}

func connect(ctx context.Context, url string, opts Options) (*session, error) {
	if err := opts.Validate(); err != nil {
		return nil, fmt.Errorf("schema options: %w", err)
	}
	target, err := ParseURL(url)
	if err != nil {
		return nil, err
	}
	if !identifier.MatchString(target.Database) {
		return nil, fmt.Errorf("clickhouse.url: database %q: use letters, digits and _", target.Database)
	}
	conn, err := target.OpenPatient("default")
	if err != nil {
		return nil, err
	}
	s := &session{target: target, conn: conn, opts: opts}
	if err := s.check(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return s, nil
}

func (s *session) check(ctx context.Context) error {
	if err := s.conn.QueryRow(ctx, SQL("schema/server_version")).Scan(&s.version); err != nil {
		return fmt.Errorf("ask clickhouse at %s for its version: %w", s.target.Host, err)
	}
	if err := checkVersion(s.version); err != nil {
		return fmt.Errorf("clickhouse at %s: %w", s.target.Host, err)
	}
	if err := s.checkPolicy(ctx); err != nil {
		return err
	}
	var n uint64
	err := s.conn.QueryRow(parameters(ctx, clickhouse.Parameters{"database": s.target.Database}), SQL("schema/database")).Scan(&n)
	if err != nil {
		return fmt.Errorf("look for database %s: %w", s.target.Database, err)
	}
	s.exists = n > 0
	return nil
}

func checkVersion(version string) error {
	parts := strings.Split(version, ".")
	if len(parts) >= 2 {
		major, err1 := strconv.Atoi(parts[0])
		minor, err2 := strconv.Atoi(parts[1])
		if err1 == nil && err2 == nil && (major > minServerMajor || major == minServerMajor && minor >= minServerMinor) {
			return nil
		}
	}
	return fmt.Errorf("server version %q: need %d.%d or newer (for deduplicate_insert); upgrade the server", version, minServerMajor, minServerMinor)
}

func (s *session) checkPolicy(ctx context.Context) error {
	var volumes []string
	err := s.conn.QueryRow(parameters(ctx, clickhouse.Parameters{"policy": s.opts.Policy}), SQL("schema/policy_volumes")).Scan(&volumes)
	if err != nil {
		return fmt.Errorf("read storage policies: %w", err)
	}
	if len(volumes) == 0 {
		return fmt.Errorf("clickhouse at %s has no storage policy %q: add it to the server's storage_configuration (volumes hot, warm, cold), "+
			"or set schema.policy to %q, which keeps everything on one disk", s.target.Host, s.opts.Policy, DefaultPolicy)
	}
	if s.opts.Policy == DefaultPolicy {
		return nil
	}
	have := strings.Join(volumes, ", ")
	for _, c := range s.opts.Retention.classes() {
		for volume, days := range map[string]int{"warm": c.class.WarmAfterDays, "cold": c.class.ColdAfterDays} {
			if days > 0 && !strings.Contains(", "+have+",", ", "+volume+",") {
				return fmt.Errorf("storage policy %q has volumes %s but retention.%s moves data to %s after %d days: add the volume, or set %s_after_days to 0",
					s.opts.Policy, have, c.key, volume, days, volume)
			}
		}
	}
	return nil
}

func (s *session) createDatabase(ctx context.Context) error {
	if err := s.exec(ctx, "CREATE DATABASE IF NOT EXISTS "+s.target.Database); err != nil {
		return fmt.Errorf("create database %s: %w", s.target.Database, err)
	}
	s.exists = true
	return nil
}

func (s *session) exec(ctx context.Context, statement string) error {
	return s.conn.Exec(ctx, statement)
}

func (s *session) show(c Change) {
	if s.opts.Show != nil {
		s.opts.Show(c)
	}
	if s.opts.Log != nil {
		s.opts.Log.Info("schema change", "kind", string(c.Kind), "object", c.Object, "have", c.Have, "want", c.Want)
	}
}
