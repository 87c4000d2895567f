//go:build testall

package clickhousetest_test

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
)

// pythonClient inserts and reads with clickhouse-connect: types, a batch, parameters, an exception with its code.
const pythonClient = `
import sys, datetime, decimal, clickhouse_connect
host, port, database = sys.argv[1:4]
c = clickhouse_connect.get_client(host=host, port=int(port), username='default', database=database)
c.command('CREATE TABLE t (at DateTime, usd Decimal(18, 12), who LowCardinality(String), m Map(String, UInt64)) ENGINE = MergeTree ORDER BY at')
at = datetime.datetime(2026, 11, 22, 10, 0, 0)
c.insert('t', [[at, decimal.Decimal('0.000000000001'), 'acme', {'a': n}] for n in range(1000)], column_names=['at', 'usd', 'who', 'm'])
got = c.query('SELECT who, sum(usd), sum(m[%(k)s]), count() FROM t GROUP BY who', parameters={'k': 'a'}).result_rows
assert got == [('acme', decimal.Decimal('0.000000001000'), 499500, 1000)], got
try:
    c.query('SELECT nothing_of_that_name')
    raise SystemExit('an unknown name was no error')
except clickhouse_connect.driver.exceptions.DatabaseError as e:
    assert '47' in str(e), e
`

// ClickHouse's own Python client works unmodified.
func TestClickHouseConnect(t *testing.T) {
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	venv := filepath.Join(cache, "tollkeeper", "clickhouse-connect")
	run := func(name string, args ...string) {
		t.Helper()
		out, err := exec.Command(name, args...).CombinedOutput()
		require.NoError(t, err, "%s %v\n%s", name, args, out)
	}
	if _, err := os.Stat(filepath.Join(venv, "bin", "pip")); err != nil {
		run("python3", "-m", "venv", venv)
	}
	run(filepath.Join(venv, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", "clickhouse-connect==1.12.0")
	u, err := url.Parse(clickhousetest.Start(t).Database(t))
	require.NoError(t, err)
	run(filepath.Join(venv, "bin", "python"), "-c", pythonClient, u.Hostname(), u.Port(), u.Path[1:])
}
