package clickhouse

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

// How tenants are kept apart. The engine has one acting user, so its users file gives that user a row filter on every
// table with a tenant column: log_comment must be "*" or the row's tenant. Each request sets log_comment; a tenant's
// request then sets readonly=1, which forbids changing it again. What the engine still allows (measured on 26.5.1: a
// SETTINGS clause in a sub-query, functions that read files or index values) is refused by guard. The filter fails
// closed: where log_comment is unset, there are no rows.
//
// The users file is read when the engine starts; after a new table with a tenant column the engine is restarted inside
// this process before the next tenant's statement runs (about 0.2 s, statements wait).

// filter is the row filter of tables with a tenant column, and operatorFilter that of system tables that show what
// others do.
func (l layout) filter() string {
	return fmt.Sprintf("getSetting('log_comment') = '%s' OR %s = getSetting('log_comment')", l.AllTenants, l.TenantColumn)
}

func (l layout) operatorFilter() string {
	return fmt.Sprintf("getSetting('log_comment') = '%s'", l.AllTenants)
}

// harmlessSystemTables tell about the server, not about rows and queries: tables and columns aren't among them, since they
// tell how many rows and bytes all tenants have together.
const harmlessSystemTables = `'one', 'numbers', 'numbers_mt', 'zeros', 'zeros_mt', 'functions', 'table_functions', 'formats', 'data_type_families',
'databases', 'settings', 'settings_changes', 'time_zones', 'collations', 'keywords', 'build_options', 'table_engines', 'storage_policies'`

// wantedFilters asks the engine which tables need a filter. Inner tables of materialized views ("." first) can't be
// named in the users file; guard keeps tenants from them.
func (f *front) wantedFilters(c *conn) ([]TableFilter, error) {
	sql := fmt.Sprintf(`SELECT database, table, 0 AS operator FROM system.columns
WHERE name = %s AND database NOT IN ('system', 'INFORMATION_SCHEMA', 'information_schema') AND NOT startsWith(table, '.')
UNION ALL SELECT database, name, 1 FROM system.tables WHERE database = 'system' AND name NOT IN (%s)
ORDER BY ALL`, quoteString(f.layout.TenantColumn), harmlessSystemTables)
	res, err := c.run(sql, "JSONCompactEachRow", nil)
	if err != nil {
		return nil, fmt.Errorf("list the tables with a tenant column: %w", err)
	}
	var filters []TableFilter
	for line := range strings.Lines(string(res.data)) {
		var database, table string
		var operator int
		if err := json.Unmarshal([]byte(line), &[]any{&database, &table, &operator}); err != nil {
			return nil, fmt.Errorf("list the tables with a tenant column: %w", err)
		}
		filter := f.layout.filter()
		if operator == 1 {
			filter = f.layout.operatorFilter()
		}
		filters = append(filters, TableFilter{database, table, filter})
	}
	return filters, nil
}

var xmlName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

// checkTenant readies the filters and looks at what the tenant's statement names.
func (f *front) checkTenant(ctx context.Context, q *request) error {
	f.filtersMu.Lock()
	defer f.filtersMu.Unlock()
	if err := f.renewFilters(ctx); err != nil {
		return err
	}
	return f.shutTable(q.user, q.st)
}

// ensureFilters makes sure that every table with a tenant column has its row filter in force, and restarts the engine
// if one has not.
func (f *front) ensureFilters(ctx context.Context) error {
	f.filtersMu.Lock()
	defer f.filtersMu.Unlock()
	return f.renewFilters(ctx)
}

func (f *front) renewFilters(ctx context.Context) error {
	if f.layout.Fixed {
		return nil
	}
	wanted, err := f.listFilters(ctx)
	if err != nil {
		return err
	}
	missing := slices.DeleteFunc(slices.Clone(wanted), func(t TableFilter) bool { return slices.Contains(f.layout.Filters, t) })
	if len(missing) == 0 {
		return nil
	}
	for _, t := range missing {
		if !xmlName.MatchString(t.Database) || !xmlName.MatchString(t.Table) {
			return newException(codeNotImplemented, "NOT_IMPLEMENTED", "no tenant may read while there is a table whose name can't carry a row filter: %s.%s; rename it", t.Database, t.Table)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	releaseAll, err := f.acquireAll(ctx)
	if err != nil {
		return err
	}
	defer releaseAll()
	began := time.Now()
	f.layout.Filters = wanted
	if err := f.reboot(); err != nil {
		// Without an engine this process is of no use: the supervisor starts a new one.
		f.log.Error("restart the engine for new row filters", "error", err)
		os.Exit(1)
	}
	f.log.Info("row filters renewed", "tables", len(wanted), "new", len(missing), "seconds", time.Since(began).Seconds())
	return nil
}

func (f *front) listFilters(ctx context.Context) ([]TableFilter, error) {
	release, err := f.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	c, err := f.e.open()
	if err != nil {
		return nil, err
	}
	defer c.close()
	if _, err := c.run("SET log_comment = "+quoteString(allTenants), "Null", nil); err != nil {
		return nil, err
	}
	if f.tables, err = tableNames(c); err != nil {
		return nil, err
	}
	return f.wantedFilters(c)
}

// tableNames are the names of all tables and views outside system.
func tableNames(c *conn) (map[string]bool, error) {
	res, err := c.run("SELECT DISTINCT name FROM system.tables WHERE database NOT IN ('system', 'INFORMATION_SCHEMA', 'information_schema')", "JSONCompactEachRow", nil)
	if err != nil {
		return nil, fmt.Errorf("list the tables: %w", err)
	}
	names := map[string]bool{}
	for line := range strings.Lines(string(res.data)) {
		var name string
		if err := json.Unmarshal([]byte(line), &[]any{&name}); err != nil {
			return nil, fmt.Errorf("list the tables: %w", err)
		}
		names[name] = true
	}
	return names, nil
}

// shutTable refuses a tenant's statement that names a table that isn't for tenants. Views that are may read it.
func (f *front) shutTable(u User, st statement) error {
	if len(f.tenantTables) == 0 {
		return nil
	}
	lex := lexer{text: st.text}
	for t, ok := lex.next(); ok; t, ok = lex.next() {
		text := st.text[t.start:t.end]
		if t.kind == tokenQuoted && text[0] == '\'' {
			continue
		}
		if name := strings.Trim(text, "`\""); f.tables[name] && !f.tenantTables[name] {
			return newException(codeAccessDenied, "ACCESS_DENIED", "%s: Not enough privileges: the table %s is not for tenants", u.Name, name)
		}
	}
	return nil
}

// reboot stops the engine and starts it with the layout's users file. The caller holds all slots.
func (f *front) reboot() error {
	f.sessions.closeAll()
	f.anchor.close()
	if err := f.layout.writeUsers(); err != nil {
		return err
	}
	anchor, err := f.e.open()
	if err != nil {
		return err
	}
	f.anchor = anchor
	return nil
}

// restricted says whether the user may only read.
func (u User) restricted() bool { return u.ReadOnly || u.Tenant != "" }

// openFunctions are the table functions that read no files, hosts or index internals.
var openFunctions = []string{"numbers", "numbers_mt", "zeros", "zeros_mt", "generate_series", "generateSeries", "generateRandom", "values", "view", "null", "format", "input", "primes"}

// shutFunctions are functions that are no table functions and read files or models.
var shutFunctions = []string{"file", "catboostEvaluate", "mergeTreeAnalyzeIndexes"}

// findShutFunctions asks the engine what restricted users can't call.
func findShutFunctions(c *conn) (map[string]bool, error) {
	res, err := c.run("SELECT name FROM system.table_functions", "TSVRaw", nil)
	if err != nil {
		return nil, fmt.Errorf("list the engine's table functions: %w", err)
	}
	shut := map[string]bool{}
	for _, name := range append(strings.Fields(string(res.data)), shutFunctions...) {
		shut[strings.ToLower(name)] = true
	}
	for _, name := range openFunctions {
		delete(shut, strings.ToLower(name))
	}
	return shut, nil
}

// tenantText refuses, by the bare text, what a different reading of quotes and comments could hide from the lexer.
// A name given as a query parameter ({x:Identifier}) isn't in the text at all.
var tenantText = regexp.MustCompile(`(?i)settings|\.inner|mergetree|:\s*identifier|\bfile\b[\x60"]?\s*(\(|/\*|--|#)`)

// guard refuses statements by which a restricted user could get around its limits.
func (f *front) guard(u User, st statement) error {
	if !u.restricted() {
		return nil
	}
	if !st.readOnly() || u.Tenant != "" && st.session {
		return newException(codeReadonly, "READONLY", "%s: Cannot execute query in readonly mode", u.Name)
	}
	if found := tenantText.FindString(st.text); found != "" && u.Tenant != "" {
		return newException(codeAccessDenied, "ACCESS_DENIED", "%s: Not enough privileges: a tenant's statement may not contain %q", u.Name, found)
	}
	lex := lexer{text: st.text}
	name := ""
	for t, ok := lex.next(); ok; t, ok = lex.next() {
		text := st.text[t.start:t.end]
		switch {
		case t.kind == tokenBroken:
			return newException(codeSyntaxError, "SYNTAX_ERROR", "Syntax error: failed at position %d", t.start+1)
		case t.kind == tokenQuoted && text[0] != '\'' && strings.Contains(text, `\`):
			return newException(codeAccessDenied, "ACCESS_DENIED", "%s: Not enough privileges: escapes in quoted names are not allowed", u.Name)
		case text == "(" && f.shut[strings.ToLower(name)]:
			return newException(codeAccessDenied, "ACCESS_DENIED", "%s: Not enough privileges: function %s is not allowed", u.Name, name)
		}
		name = strings.Trim(text, "`\"")
	}
	return nil
}
