package clickhouse_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTenantsSeeTheirOwnRows reads every way known to us around a row filter. Law 8.
func TestTenantsSeeTheirOwnRows(t *testing.T) {
	s := engine(t)
	db := database(t, s)
	for _, sql := range []string{
		"CREATE TABLE %[1]s.calls (tenant LowCardinality(String), n UInt32) ENGINE = ReplacingMergeTree ORDER BY (tenant, n)",
		"CREATE TABLE %[1]s.other (tenant String, n UInt32) ENGINE = MergeTree ORDER BY n",
		"CREATE VIEW %[1]s.plain AS SELECT n, tenant FROM %[1]s.calls",
		"CREATE VIEW %[1]s.ranged AS SELECT n FROM %[1]s.calls FINAL WHERE n >= {from:UInt32}",
		"CREATE TABLE %[1]s.merged AS %[1]s.other ENGINE = Merge('%[1]s', '^(calls|other)$')",
		"CREATE MATERIALIZED VIEW %[1]s.mv ENGINE = MergeTree ORDER BY n AS SELECT tenant, n FROM %[1]s.calls",
		"CREATE DICTIONARY %[1]s.dict (tenant String, n UInt32) PRIMARY KEY tenant SOURCE(CLICKHOUSE(DB '%[1]s' TABLE 'calls')) LAYOUT(COMPLEX_KEY_HASHED()) LIFETIME(0)",
		"INSERT INTO %[1]s.calls VALUES ('acme', 1), ('acme', 2), ('globex', 10), ('globex', 20), ('globex', 30)",
		"INSERT INTO %[1]s.other VALUES ('acme', 1), ('globex', 10)",
	} {
		query(t, s, admin, fmt.Sprintf(sql, db))
	}
	require.Equal(t, "5", query(t, s, admin, "SELECT count() FROM "+db+".calls"))
	require.Equal(t, "5", query(t, s, viewer, "SELECT count() FROM "+db+".calls"))

	seen := func(sql string) (acmes, globexes string) {
		sql = fmt.Sprintf(sql, db)
		return query(t, s, acme, sql), query(t, s, globex, sql)
	}
	for _, c := range []struct{ sql, acme, globex string }{
		{"SELECT count(), sum(n) FROM %s.calls", "2\t3", "3\t60"},
		{"SELECT count(), sum(n) FROM %s.calls FINAL", "2\t3", "3\t60"},
		{"SELECT sum(n) FROM %s.plain", "3", "60"},
		{"SELECT sum(n) FROM %s.ranged(from = 0)", "3", "60"},
		{"SELECT tenant, sum(n) FROM %s.merged GROUP BY tenant", "acme\t4", "globex\t70"},
		{"SELECT DISTINCT tenant FROM %s.calls", "acme", "globex"},
		{"SELECT max(tenant), min(tenant) FROM %s.calls", "acme\tacme", "globex\tglobex"},
		{"SELECT sum(a.n) FROM %[1]s.calls AS a JOIN %[1]s.other AS b USING (n)", "1", "10"},
		{"SELECT sum(n) FROM %[1]s.calls WHERE n IN (SELECT n FROM %[1]s.other)", "1", "10"},
		{"WITH x AS (SELECT * FROM %s.calls) SELECT sum(n) FROM x", "3", "60"},
		{"SELECT (SELECT sum(n) FROM %s.calls)", "3", "60"},
		{"SELECT sum(n) FROM view(SELECT * FROM %s.calls)", "3", "60"},
		{"SELECT count() FROM %s.calls WHERE throwIf(tenant = 'globex' AND n < 5) = 0", "2", "3"},
		{"SELECT count() FROM %s.calls PREWHERE tenant != ''", "2", "3"},
		{"SELECT sum(dictGet('%s.dict', 'n', x)) FROM values('x String', 'acme', 'globex')", "0", "0"},
		{"SELECT count() FROM system.processes WHERE query LIKE '%%%s%%'", "0", "0"},
		{"SELECT count() FROM system.parts WHERE database = '%s'", "0", "0"},
	} {
		t.Run(c.sql, func(t *testing.T) {
			gotAcme, gotGlobex := seen(c.sql)
			require.Equal(t, c.acme, gotAcme)
			require.Equal(t, c.globex, gotGlobex)
		})
	}
}

// TestTenantsCantLiftTheFilter tries what would.
func TestTenantsCantLiftTheFilter(t *testing.T) {
	s := engine(t)
	db := database(t, s)
	query(t, s, admin, "CREATE TABLE "+db+".calls (tenant String, n UInt32) ENGINE = MergeTree ORDER BY tenant")
	query(t, s, admin, "CREATE MATERIALIZED VIEW "+db+".mv ENGINE = MergeTree ORDER BY n AS SELECT tenant, n FROM "+db+".calls")
	query(t, s, admin, "INSERT INTO "+db+".calls VALUES ('acme', 1), ('globex', 10)")
	for _, sql := range []string{
		"SELECT * FROM %s.calls SETTINGS log_comment = '*'",
		"SELECT * FROM (SELECT * FROM %s.calls SETTINGS log_comment = '*')", // the engine allows it, also with readonly = 1
		"SELECT * FROM (SELECT * FROM %s.calls sEttIngs/**/log_comment = '*')",
		"SET log_comment = '*'",
		"INSERT INTO %s.calls VALUES ('acme', 2)",
		"DROP TABLE %s.calls",
		"ALTER TABLE %s.calls DELETE WHERE 1",
		"KILL QUERY WHERE 1",
		"SYSTEM RELOAD USERS",
		"BACKUP DATABASE %s TO File('x')",
		"SELECT * FROM mergeTreeIndex('%[1]s', 'calls')",
		"SELECT * FROM `mergeTreeIndex`('%[1]s', 'calls')",
		"SELECT * FROM merge('%[1]s', '.')",
		"SELECT * FROM %[1]s.`.inner.mv`",
		"SELECT file('/etc/hostname')",
		"SELECT `file`('/etc/hostname')",
		"SELECT `f\\x69le`('/etc/hostname')",
		"SELECT FILE /* x */ ('/etc/hostname')",
		"SELECT * FROM file('/etc/hostname', 'LineAsString')",
		"DESCRIBE TABLE file('/etc/hostname')",
		"DESCRIBE TABLE url('http://127.0.0.1:1/x', 'CSV')",
		"SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
		"SELECT * FROM s3('http://127.0.0.1:1/b/k', 'CSV')",
		"SELECT * FROM remote('127.0.0.1', '%[1]s', 'calls')",
		"SELECT * FROM cluster('default', '%[1]s', 'calls')",
		"SELECT * FROM executable('id', 'TSV', 'a String')",
		"SELECT * FROM dictionary('%[1]s.x')",
		"CREATE TEMPORARY TABLE x (a UInt8)",
	} {
		t.Run(sql, func(t *testing.T) {
			a := do(t, s, ask{user: acme, body: b(fmt.Sprintf(sql, db))})
			require.Contains(t, []int{400, 403, 404, 500}, a.status, a.body)
			require.Regexp(t, `^Code: (62|164|497)\.`, a.body)
		})
	}
	for name, params := range map[string][]string{"log_comment": {"log_comment", "*"}, "readonly": {"readonly", "0"}, "session": {"session_id", "x"}} {
		t.Run("parameter "+name, func(t *testing.T) {
			a := do(t, s, ask{user: acme, params: v(params...), body: b("SELECT * FROM " + db + ".calls")})
			require.NotEqual(t, 200, a.status, a.body)
		})
	}
	require.Equal(t, "2", query(t, s, admin, "SELECT count() FROM "+db+".calls"))
}

// TestFilterIsWhatHidesRows takes the filter away, by a column it isn't told of, and sees all rows: the tests above can
// fail.
func TestFilterIsWhatHidesRows(t *testing.T) {
	s := engine(t)
	db := database(t, s)
	query(t, s, admin, "CREATE TABLE "+db+".x (customer String) ENGINE = MergeTree ORDER BY customer")
	query(t, s, admin, "INSERT INTO "+db+".x VALUES ('acme'), ('globex')")
	require.Equal(t, "2", query(t, s, acme, "SELECT count() FROM "+db+".x"))
}

// TestNewTableIsFilteredAtOnce creates tables after tenants have read: each is covered before the tenant's next
// statement runs, while other statements go on.
func TestNewTableIsFilteredAtOnce(t *testing.T) {
	s := engine(t)
	db := database(t, s)
	pid := s.Pid()
	for i := range 3 {
		name := fmt.Sprintf("%s.t%d", db, i)
		query(t, s, admin, "CREATE TABLE "+name+" (tenant String) ENGINE = MergeTree ORDER BY tenant")
		query(t, s, admin, "INSERT INTO "+name+" VALUES ('acme'), ('globex'), ('globex')")
		require.Equal(t, "1", query(t, s, acme, "SELECT count() FROM "+name))
		require.Equal(t, "3", query(t, s, admin, "SELECT count() FROM "+name))
	}
	require.Equal(t, pid, s.Pid())
}

func TestTableThatCantBeFilteredShutsTenantsOut(t *testing.T) {
	s := engine(t)
	db := database(t, s)
	query(t, s, admin, "CREATE TABLE "+db+".`a b` (tenant String) ENGINE = MergeTree ORDER BY tenant")
	a := do(t, s, ask{user: acme, body: b("SELECT 1")})
	require.Equal(t, 501, a.status)
	require.Contains(t, a.body, "a b")
	query(t, s, admin, "DROP TABLE "+db+".`a b`")
	require.Equal(t, "1", query(t, s, acme, "SELECT 1"))
}
