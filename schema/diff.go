package schema

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"time"
)

// ChangeKind says what differs between the database and what it should be.
type ChangeKind string

// The kinds. Apply makes all of them but drift, which a person has to look at.
const (
	ChangeDatabase  ChangeKind = "database"  // the database doesn't exist yet
	ChangeMigration ChangeKind = "migration" // a step that was not applied yet
	ChangeRetention ChangeKind = "retention" // a table's TTL differs from the configuration
	ChangePolicy    ChangeKind = "policy"    // a table's storage policy differs from the configuration
	ChangeDrift     ChangeKind = "drift"     // something applied is no longer as it was applied
)

// Change is one difference.
type Change struct {
	Kind   ChangeKind
	Object string // database, migration, table or table.column
	Have   string // empty: nothing
	Want   string // empty: nothing
	// Statement makes the change. For drift it is a proposal that Apply doesn't run, and may be empty.
	Statement string
	// Effect is what changed retention does at once to what is stored.
	Effect Effect
}

// String is one line: "retention tollkeeper.spans: have …, want …".
func (c Change) String() string {
	if effect := c.Effect.String(); effect != "" {
		return c.plain() + "; it " + effect
	}
	return c.plain()
}

func (c Change) plain() string {
	switch {
	case c.Have == "" && c.Want == "":
		return fmt.Sprintf("%s %s", c.Kind, c.Object)
	case c.Have == "":
		return fmt.Sprintf("%s %s: missing, want %s", c.Kind, c.Object, c.Want)
	case c.Want == "":
		return fmt.Sprintf("%s %s: have %s, want nothing", c.Kind, c.Object, c.Have)
	}
	return fmt.Sprintf("%s %s: have %s, want %s", c.Kind, c.Object, c.Have, c.Want)
}

// Diff returns what differs between the database at url and what Apply would make of it: steps to apply, changed
// retention or policy, and drift. It changes nothing.
func Diff(ctx context.Context, url string, opts Options) ([]Change, error) {
	s, err := connect(ctx, url, opts)
	if err != nil {
		return nil, err
	}
	defer s.conn.Close()
	return s.diff(ctx)
}

// Verify fails if the database at url lacks a migration or differs from what was applied: a missing table, another
// type, sorting key, engine or setting (fsync among them), another retention. The error lists every difference.
func Verify(ctx context.Context, url string, opts Options) error {
	changes, err := Diff(ctx, url, opts)
	if err != nil {
		return err
	}
	if len(changes) == 0 {
		return nil
	}
	return &DriftError{Changes: changes}
}

// DriftError is returned by Verify.
type DriftError struct{ Changes []Change }

func (e *DriftError) Error() string {
	lines := make([]string, len(e.Changes))
	for i, c := range e.Changes {
		lines[i] = c.String()
		if c.Kind == ChangeDrift && c.Statement != "" {
			lines[i] += " (remedy: " + c.Statement + ")"
		}
	}
	return fmt.Sprintf("the database differs in %d places; see `tollkeeper schema diff`, then `tollkeeper schema apply`:\n  %s",
		len(e.Changes), strings.Join(lines, "\n  "))
}

func (s *session) diff(ctx context.Context) ([]Change, error) {
	var out []Change
	if !s.exists {
		out = append(out, Change{Kind: ChangeDatabase, Object: s.target.Database, Want: "a database"})
	}
	pending, done, err := s.pending(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range pending {
		out = append(out, Change{Kind: ChangeMigration, Object: m.String(), Want: "applied"})
	}
	if len(done) == 0 {
		return out, nil
	}
	want, err := wanted(ctx, s.conn, done, s.target.Database, s.opts)
	if err != nil {
		return nil, err
	}
	have, err := live(ctx, s.conn, s.target.Database)
	if err != nil {
		return nil, err
	}
	for _, w := range want {
		h, ok := have[w.name]
		if !ok {
			out = append(out, Change{Kind: ChangeDrift, Object: s.target.Database + "." + w.name, Want: "a " + kindOf(w)})
			continue
		}
		out = append(out, compare(s.target.Database, h, w)...)
	}
	policyFirst(out)
	return out, s.addEffects(ctx, out, time.Now())
}

func kindOf(d definition) string {
	if d.view {
		return "view"
	}
	return "table"
}

// compare lists how a live definition differs from the wanted one. Settings the server added are ignored.
func compare(database string, have, want definition) []Change {
	table := database + "." + want.name
	drift := func(object, h, w, statement string) Change {
		return Change{Kind: ChangeDrift, Object: object, Have: h, Want: w, Statement: statement}
	}
	if have.view != want.view {
		return []Change{drift(table, kindOf(have), kindOf(want), "")}
	}
	if want.view {
		if have.query != want.query {
			h, w := firstDifference(have.query, want.query)
			return []Change{drift(table, h, w, "CREATE OR REPLACE VIEW "+table+" AS "+want.query)}
		}
		return nil
	}
	out := compareColumns(table, have.columns, want.columns)
	if have.engine != want.engine {
		out = append(out, drift(table+" engine", have.engine, want.engine, ""))
	}
	for _, k := range clauseKeywords {
		h, w := have.clauses[k], want.clauses[k]
		switch {
		case h == w:
		case k == "TTL" && w == "":
			out = append(out, Change{Kind: ChangeRetention, Object: table, Have: h, Want: w, Statement: "ALTER TABLE " + table + " REMOVE TTL"})
		case k == "TTL":
			out = append(out, Change{Kind: ChangeRetention, Object: table, Have: h, Want: w, Statement: "ALTER TABLE " + table + " MODIFY TTL " + w})
		default:
			out = append(out, drift(table+" "+k, h, w, ""))
		}
	}
	return append(out, compareSettings(table, have.settings, want.settings)...)
}

// firstDifference cuts two texts down to where they part.
func firstDifference(a, b string) (string, string) {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	cut := func(s string) string {
		from, to := max(0, i-30), min(len(s), i+60)
		return "… " + strings.ToValidUTF8(s[from:to], "") + " …"
	}
	return cut(a), cut(b)
}

func compareColumns(table string, have, want []column) []Change {
	live := map[string]string{}
	for _, c := range have {
		live[c.name] = c.text
	}
	var out []Change
	for _, c := range want {
		h, ok := live[c.name]
		delete(live, c.name)
		switch {
		case !ok:
			out = append(out, Change{Kind: ChangeDrift, Object: table + "." + c.name, Want: c.text, Statement: "ALTER TABLE " + table + " ADD COLUMN " + c.text})
		case h != c.text:
			out = append(out, Change{Kind: ChangeDrift, Object: table + "." + c.name, Have: h, Want: c.text, Statement: "ALTER TABLE " + table + " MODIFY COLUMN " + c.text})
		}
	}
	for _, c := range have {
		if _, extra := live[c.name]; extra {
			out = append(out, Change{Kind: ChangeDrift, Object: table + "." + c.name, Have: c.text})
		}
	}
	return out
}

func compareSettings(table string, have, want map[string]string) []Change {
	names := make([]string, 0, len(want))
	for k := range want {
		names = append(names, k)
	}
	sort.Strings(names)
	var out []Change
	for _, k := range names {
		h, w := have[k], want[k]
		if k == "storage_policy" && h == "" {
			h = "'" + DefaultPolicy + "'"
		}
		if h == w {
			continue
		}
		statement := fmt.Sprintf("ALTER TABLE %s MODIFY SETTING %s = %s", table, k, w)
		kind, object := ChangeDrift, table+" setting "+k
		if k == "storage_policy" {
			kind, object = ChangePolicy, table
		}
		out = append(out, Change{Kind: kind, Object: object, Have: h, Want: w, Statement: statement})
	}
	return out
}

// policyFirst orders changes so that a table gets its new policy before a TTL that names the policy's volumes.
func policyFirst(changes []Change) {
	sort.SliceStable(changes, func(i, j int) bool { return changes[i].Kind == ChangePolicy && changes[j].Kind != ChangePolicy })
}
