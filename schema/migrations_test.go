package schema

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files")

// TestRenderedMigrations compares what a tiered server and a plain one are sent with the golden files.
func TestRenderedMigrations(t *testing.T) {
	tiered := DefaultOptions()
	tiered.Policy = "tiered"
	for name, opts := range map[string]Options{"plain": DefaultOptions(), "tiered": tiered} {
		t.Run(name, func(t *testing.T) {
			all, err := Migrations()
			require.NoError(t, err)
			var b strings.Builder
			for _, m := range all {
				text, err := m.render("tollkeeper", opts)
				require.NoError(t, err)
				b.WriteString("-- " + m.String() + "\n" + text)
			}
			golden(t, "migrations_"+name+".sql", b.String())
			require.Equal(t, name == "tiered", strings.Contains(b.String(), "TO VOLUME"))
		})
	}
}

// TestStatementsCanRunAgain holds what makes two migrating processes, and one that was stopped, harmless.
func TestStatementsCanRunAgain(t *testing.T) {
	all, err := Migrations()
	require.NoError(t, err)
	for _, m := range all {
		statements, err := m.Render("tollkeeper", DefaultOptions())
		require.NoError(t, err)
		for _, s := range statements {
			ok := false
			for _, start := range []string{"CREATE TABLE IF NOT EXISTS ", "CREATE OR REPLACE VIEW ", "DROP VIEW IF EXISTS ", "DROP TABLE IF EXISTS "} {
				ok = ok || strings.HasPrefix(s, start)
			}
			ok = ok || strings.HasPrefix(s, "ALTER TABLE ") &&
				(strings.Contains(s, " IF NOT EXISTS ") || strings.Contains(s, " MODIFY ")) // a MODIFY says what it shall be, not what changes
			require.True(t, ok, "%s: %s", m, firstWords(s))
		}
	}
}

// TestWhatIngestCallsStoredIsDurable: once a row of ingest_ranges stands, nothing of its range is read again, so all that
// was written before it must outlive a crash of the machine, also after a merge.
func TestWhatIngestCallsStoredIsDurable(t *testing.T) {
	all, err := Migrations()
	require.NoError(t, err)
	statements, err := all[0].Render("tollkeeper", DefaultOptions())
	require.NoError(t, err)
	for _, table := range []string{"call_reports", "settle_candidates", "dirty_windows", "ingest_ranges"} {
		found := false
		for _, s := range statements {
			if !strings.HasPrefix(s, "CREATE TABLE IF NOT EXISTS tollkeeper."+table+" ") {
				continue
			}
			found = true
			for _, setting := range []string{"fsync_after_insert = 1", "fsync_part_directory = 1", "min_rows_to_fsync_after_merge = 1", "old_parts_lifetime = 480"} {
				require.Contains(t, s, setting, table)
			}
		}
		require.True(t, found, table)
	}
}

func TestChecksumIgnoresRetention(t *testing.T) {
	all, err := Migrations()
	require.NoError(t, err)
	require.NotEmpty(t, all)
	for _, m := range all {
		require.Len(t, m.Checksum, 64)
	}
	changed := DefaultOptions()
	changed.Retention.Reports.KeepDays = 500
	a, err := all[0].Render("tollkeeper", DefaultOptions())
	require.NoError(t, err)
	b, err := all[0].Render("tollkeeper", changed)
	require.NoError(t, err)
	require.NotEqual(t, a, b)
}

func TestReadMigrations(t *testing.T) {
	for name, c := range map[string]struct {
		files []string
		err   string
	}{
		"in order": {[]string{"0001_a.sql", "0002_b.sql"}, ""},
		"twice":    {[]string{"0001_a.sql", "0001_b.sql"}, "want a number above 0001"},
		"bad name": {[]string{"1-a.sql"}, "want a name like"},
	} {
		t.Run(name, func(t *testing.T) {
			files := fstest.MapFS{}
			for _, f := range c.files {
				files["migrations/"+f] = &fstest.MapFile{Data: []byte("SELECT 1")}
			}
			_, err := readMigrations(files)
			if c.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.err)
		})
	}
}

func TestStatements(t *testing.T) {
	got := Statements("-- head; not a statement\nSELECT 1,  'a;b  -- c',\n\t`x;y` /* ; */ FROM t; ;\n\nSELECT '\\';' -- end")
	require.Equal(t, []string{"SELECT 1, 'a;b  -- c', `x;y` FROM t", `SELECT '\';'`}, got)
	require.Empty(t, Statements(" ;\n-- nothing\n"))
	require.Equal(t, []string{"SELECT 'open"}, Statements("SELECT 'open"))
}

func TestRenderRefusesOddNames(t *testing.T) {
	all, err := Migrations()
	require.NoError(t, err)
	_, err = all[0].Render("a; DROP DATABASE b", DefaultOptions())
	require.ErrorContains(t, err, "letters, digits and _")
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "write it with: go test ./schema -run %s -update", t.Name())
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Fatalf("%s (-want +got; if this is meant: go test ./schema -update):\n%s", path, diff)
	}
}
