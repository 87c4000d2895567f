package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/schema"
)

func TestTenants(t *testing.T) {
	db := clickhousetest.Start(t).Database(t)
	_, err := schema.Apply(t.Context(), db, schema.DefaultOptions())
	require.NoError(t, err)
	dir := t.TempDir()
	config, file := filepath.Join(dir, "toll.yaml"), filepath.Join(dir, "tenants.yaml")
	require.NoError(t, os.WriteFile(config, []byte(fmt.Sprintf("clickhouse: {url: %q}\n", db)), 0o600))
	require.NoError(t, os.WriteFile(file, []byte(`
tenants:
  - {tenant: acme, from: 2026-01-01, parent: north, cost_centre: CC-100, owner: alice}
  - {tenant: globex, parent: north}
`), 0o600))
	run := func(exit int, said string, args ...string) {
		t.Helper()
		p := start(t, map[string]string{"TOLLKEEPER_CONFIG": config}, append([]string{"tenants"}, args...)...)
		require.Equal(t, exit, p.exit(), "%v:\n%s", args, p.text())
		require.Contains(t, p.text(), said, "%v", args)
	}
	run(exitUsage, "--reason is missing", "apply", file)
	run(0, "2 changes, nothing written: a dry run", "apply", file, "--from", "2026-11-01", "--dry-run")
	run(0, "TENANT", "history")
	run(0, "2 changes, written", "apply", file, "--from", "2026-11-01", "--reason", "the first list")
	run(0, "0 changes, the directory says so already", "apply", file, "--from", "2026-11-02", "--reason", "again")
	run(0, "owner        alice → carol", "set", "acme", "--owner", "carol", "--from", "2026-11-10", "--reason", "Carol took over", "--author", "ann")
	run(0, `{"tenant":"acme","parent":"north","cost_centre":"CC-100","owner":"alice"}`, "list", "--at", "2026-11-09", "--format", "json")
	run(0, `"owner":"carol"`, "list", "--at", "2026-11-10", "--format", "json")
	run(0, "Carol took over", "history", "acme")
	run(exitUsage, "nothing to set", "set", "acme", "--reason", "none")
	run(exitUsage, `time zone "Mars"`, "set", "acme", "--time-zone", "Mars", "--reason", "none")
	run(exitUsage, `doesn't know tenant "nobody"`, "set", "nobody", "--remove", "--reason", "none")
	require.NoError(t, os.WriteFile(file, []byte("tenants: [{tenant: acme, owner: dave}]"), 0o600))
	run(0, "1 tenants of the directory aren't in", "apply", file, "--from", "2026-11-20", "--dry-run")
	run(0, "globex from 2026-11-20: removed", "apply", file, "--from", "2026-11-20", "--prune", "--reason", "the list of November")
	run(0, "tenants:\n  - tenant: acme\n    owner: dave\n", "list", "--at", "2026-11-20", "--format", "yaml")
}
