package schema

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// tieredStatements are all statements of all migrations for a server with tiers, where every class moves and ends.
func tieredStatements(t *testing.T) []string {
	t.Helper()
	opts := DefaultOptions()
	opts.Policy = "tiered"
	all := Class{WarmAfterDays: 3, ColdAfterDays: 30, KeepDays: 400}
	r := &opts.Retention
	r.Reports, r.Spans, r.Candidates, r.Minute, r.Hour, r.Day, r.HourBy, r.DayBy = all, all, all, all, all, all, all, all
	migrations, err := Migrations()
	require.NoError(t, err)
	var out []string
	for _, m := range migrations {
		statements, err := m.Render("tollkeeper", opts)
		require.NoError(t, err)
		out = append(out, statements...)
	}
	return out
}

// A rule for the first volume takes data back from cold (ClickHouse issue 49098), TTL GROUP BY loses groups (82434, 110098),
// and a rule may only name the volumes that never change their names (71543).
func TestNoTTLNamesHotOrGroups(t *testing.T) {
	volume := regexp.MustCompile(`TO (?:VOLUME|DISK) '([^']*)'`)
	named := 0
	for _, s := range tieredStatements(t) {
		for _, m := range volume.FindAllStringSubmatch(s, -1) {
			require.Contains(t, []string{"warm", "cold"}, m[1], firstWords(s))
			named++
		}
		_, ttl, _ := strings.Cut(s, " TTL ")
		ttl, _, _ = strings.Cut(ttl, " SETTINGS ")
		require.NotContains(t, ttl, "GROUP BY", firstWords(s))
		require.NotContains(t, s, "prefer_not_to_merge", firstWords(s))
	}
	require.Positive(t, named)
}

// No table makes statistics of its columns with each merge (docs/adr/0055).
func TestNoTableMakesStatistics(t *testing.T) {
	create, alter := regexp.MustCompile(`^CREATE TABLE IF NOT EXISTS tollkeeper\.(\w+)\s`), regexp.MustCompile(`^ALTER TABLE tollkeeper\.(\w+) MODIFY SETTING auto_statistics_types = ''$`)
	dropped := regexp.MustCompile(`^DROP TABLE IF EXISTS tollkeeper\.(\w+)`)
	made := map[string]bool{}
	for _, s := range tieredStatements(t) {
		if m := dropped.FindStringSubmatch(s); m != nil {
			delete(made, m[1])
		}
		if m := create.FindStringSubmatch(s); m != nil {
			made[m[1]] = !strings.Contains(s, "auto_statistics_types = ''")
		}
		if m := alter.FindStringSubmatch(s); m != nil {
			require.Contains(t, made, m[1])
			made[m[1]] = false
		}
	}
	require.Greater(t, len(made), 30)
	for table, makes := range made {
		require.False(t, makes, "%s: say auto_statistics_types = '' in its SETTINGS", table)
	}
}

// Tables with a class of retention end by whole parts, by the time that their partitions are cut by, and a changed retention
// rewrites none of their data.
func TestTablesOfRetention(t *testing.T) {
	var (
		head      = regexp.MustCompile(`^(?:CREATE TABLE IF NOT EXISTS|ALTER TABLE) tollkeeper\.(\w+) `)
		partition = regexp.MustCompile(`PARTITION BY to(?:Date|YYYYMM|Year)\((\w+)\)`)
		ttl       = regexp.MustCompile(` TTL (?:\w+ RECOMPRESS CODEC\(ZSTD\(1\)\), )?(\w+) \+ INTERVAL`)
	)
	text := map[string]string{}
	for _, s := range tieredStatements(t) {
		if m := head.FindStringSubmatch(s); m != nil {
			text[m[1]] += s + "; "
		}
	}
	for table := range tables {
		s := text[table]
		require.NotEmpty(t, s, table)
		by, end := partition.FindStringSubmatch(s), ttl.FindStringSubmatch(s)
		require.NotNil(t, by, table)
		require.NotNil(t, end, table)
		require.Equal(t, by[1], end[1], "%s: deletes lag where TTL and partition go by different times", table)
		require.Contains(t, s, "ttl_only_drop_parts = 1", table)
		require.Contains(t, s, "materialize_ttl_recalculate_only = 1", table)
	}
}
