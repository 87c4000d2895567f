package schema

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// dateTime64 are the columns that must not be compared with a DateTime in a window predicate: the engine then prunes
// fresh parts and loses rows without an error (facts: a strict comparison of the two types). Windows go by minute.
const dateTime64 = `start|received|at|due|crossed|issued|expires`

var (
	comparedRight = regexp.MustCompile(`(?i)\b(` + dateTime64 + `)\b\s*(?:<=|>=|<|>|\bBETWEEN\b)\s*(\S+)`)
	comparedLeft  = regexp.MustCompile(`(?i)(\{[^}]*\}|\S+)\s*(?:<=|>=|<|>)\s*(?:\w+\.)?(` + dateTime64 + `)\b`)
	timeFilter    = regexp.MustCompile(`(?i)\$__(?:timeFilter|timeFilter_ms|dateTimeFilter|dt)\(\s*(?:\w+\.)?(` + dateTime64 + `)\b`)
	sameType      = regexp.MustCompile(`(?i)^(?:\(|now64\(|toDateTime64\(|'|\{\w+:DateTime64|(?:\w+\.)?(?:` + dateTime64 + `)\b)`)
	sameTypeEnd   = regexp.MustCompile(`(?i)(?:now64\(\d?\)|'|DateTime64\(\d[^}]*\}|\b(?:` + dateTime64 + `))$`)
	rawReports    = regexp.MustCompile(`(?i)\b(?:FROM|JOIN)\s+(?:\S+\.)?call_reports\b`)
)

// offences lists what a statement does that no query may do.
func offences(name, statement string) []string {
	var out []string
	for _, m := range comparedRight.FindAllStringSubmatch(statement, -1) {
		if !sameType.MatchString(m[2]) {
			out = append(out, fmt.Sprintf("%s: compares DateTime64 column %s with %s: use minute or window", name, m[1], m[2]))
		}
	}
	for _, m := range comparedLeft.FindAllStringSubmatch(statement, -1) {
		if !sameTypeEnd.MatchString(m[1]) {
			out = append(out, fmt.Sprintf("%s: compares %s with DateTime64 column %s: use minute or window", name, m[1], m[2]))
		}
	}
	for _, m := range timeFilter.FindAllStringSubmatch(statement, -1) {
		out = append(out, fmt.Sprintf("%s: time filter on DateTime64 column %s: use minute or window", name, m[1]))
	}
	// explain/reports shows what the view leaves out: who gave way to whom. Aggregates are never in it; settlement makes calls of them.
	// A re-rate writes every report again, those too that may stand one day. Sealing counts reports to see whether rows are missing.
	// rollup/size_minute and rollup/size_hour_by say how many there are at most, alerts/pulse whether any has come. boards/calls is the view's own text, which a test of dashboards holds against the view.
	mayReadReports := strings.HasPrefix(name, "ingest/") || slices.Contains([]string{"explain/reports", "settle/aggregate", "settle/leaf",
		"rerate/hours", "rerate/reports", "rerate/write", "seal/ledger", "seal/missing", "boards/calls",
		"migrations/0002_views.sql", "migrations/0007_aggregates.sql", "migrations/0028_some_windows.sql", "rollup/size_minute", "rollup/size_hour_by", "alerts/pulse"}, name)
	if !mayReadReports && rawReports.MatchString(statement) {
		out = append(out, name+": reads call_reports: read calls(from, to), which settles and removes doubles")
	}
	return out
}

func TestNoQueryLosesRows(t *testing.T) {
	texts := map[string]string{}
	for _, name := range Names() {
		texts[name] = SQL(name)
	}
	files, err := fs.Glob(migrationFiles, "migrations/*.sql")
	require.NoError(t, err)
	for _, f := range files {
		b, err := migrationFiles.ReadFile(f)
		require.NoError(t, err)
		texts[f] = string(b)
	}
	require.Greater(t, len(texts), 10)
	for name, text := range texts {
		for _, s := range Statements(text) {
			require.Empty(t, offences(name, s))
		}
	}
}

func TestOffencesAreFound(t *testing.T) {
	for statement, bad := range map[string]bool{
		"SELECT 1 FROM calls(from=1, to=2) WHERE start >= {from:DateTime('UTC')}":    true,
		"SELECT 1 FROM calls(from=1, to=2) WHERE c.start < toDateTime('2026-01-01')": true,
		"SELECT 1 FROM calls(from=1, to=2) WHERE received BETWEEN now() AND now()":   true,
		"SELECT 1 FROM calls(from=1, to=2) WHERE now() - 5 < received":               true,
		"SELECT 1 FROM calls(from=1, to=2) WHERE {from:DateTime} <= c.start":         true,
		"SELECT 1 FROM spans WHERE $__timeFilter(start)":                             true,
		"SELECT 1 FROM spans WHERE $__timeFilter(minute)":                            false,
		"SELECT 1 FROM m WHERE due <= now64(3) AND at < {b:DateTime64(3, 'UTC')}":    false,
		"SELECT 1 FROM m WHERE {b:DateTime64(3, 'UTC')} < at":                        false,
		"SELECT 1 FROM m WHERE at > '2026-01-01 00:00:00'":                           false,
		"SELECT 1 FROM m WHERE window >= {from:DateTime('UTC')}":                     false,
		"SELECT 1 FROM m WHERE at >= (SELECT max(at) FROM m)":                        false,
		"SELECT 1 FROM call_reports":                                                 true,
		"SELECT 1 FROM tollkeeper.call_reports FINAL":                                true,
		"SELECT 1 FROM a JOIN call_reports USING x":                                  true,
		"INSERT INTO call_reports (a) SELECT 1":                                      false,
	} {
		require.Equal(t, bad, len(offences("x/y", statement)) > 0, "%s: %v", statement, offences("x/y", statement))
	}
	require.Empty(t, offences("ingest/check", "SELECT 1 FROM call_reports"))
}

func TestNamesAndSQL(t *testing.T) {
	require.Contains(t, Names(), "rollup/minute")
	for _, name := range Names() {
		require.NotEmpty(t, SQL(name), name)
	}
	require.Panics(t, func() { SQL("rollup/no_such_query") })
}

func TestCompressesToOtherMachines(t *testing.T) {
	for raw, want := range map[string]bool{
		"http://127.0.0.1:8123": false, "http://127.0.0.5": false, "http://[::1]:8123": false, "http://localhost": false, "http://[::ffff:127.0.0.1]:8123": false,
		"http://ch.example:8123": true, "https://10.0.0.7": true, "http://[fd00::1]:8123": true, "http://localhost.example": true,
	} {
		target, err := ParseURL(raw)
		require.NoError(t, err)
		require.Equal(t, want, target.Compresses(), raw)
	}
}

func TestParseURL(t *testing.T) {
	got, err := ParseURL("https://bob:secret@ch.example/money")
	require.NoError(t, err)
	require.Equal(t, Target{Scheme: "https", Host: "ch.example:8443", User: "bob", Password: "secret", Database: "money"}, got)
	got, err = ParseURL("http://localhost")
	require.NoError(t, err)
	require.Equal(t, Target{Scheme: "http", Host: "localhost:8123", User: "default", Database: DefaultDatabase}, got)
	for _, bad := range []string{"", "localhost:8123", "tcp://h:9000", "http://", "http://a b", "http://u:secret@h:8123x/", "http://u:secret@h:99999/", "http://u:secret@h/a;DROP", "http://u:secret@h/llm-cost"} {
		_, err := ParseURL(bad)
		require.Error(t, err, bad)
		require.NotContains(t, err.Error(), "secret")
	}
}
