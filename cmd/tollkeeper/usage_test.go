package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWrongCommandLinesAreExitCode2(t *testing.T) {
	config := filepath.Join(t.TempDir(), "toll.yaml")
	require.NoError(t, os.WriteFile(config, []byte(`
colector: {grpc: "127.0.0.1:4317"}
log: {level: loud}
collector: {grpc: nowhere, max_wait: 1h}
clickhouse: {url: "${env:TOLLKEEPER_TEST_UNSET}"}
`), 0o600))
	p := start(t, nil, "config", "check", "--config", config)
	require.Equal(t, exitUsage, p.exit())
	for _, said := range []string{"unknown key colector", `log.level "loud"`, "collector.grpc", "collector.max_wait: 1h0m0s",
		"environment variable TOLLKEEPER_TEST_UNSET is not set"} {
		require.Contains(t, p.text(), said)
	}

	for said, args := range map[string][]string{
		`unknown command "upp": did you mean up?`:       {"upp"},
		`unknown command "appply": did you mean apply?`: {"schema", "appply"},
		"accepts 1 arg(s), received 0":                  {"replay"},
		`unknown command "x" for "tollkeeper up"`:       {"up", "x"},
	} {
		p = start(t, nil, args...)
		require.Equal(t, exitUsage, p.exit(), "%v:\n%s", args, p.text())
		require.Contains(t, p.text(), said)
	}
	for _, help := range [][]string{{}, {"schema"}, {"--help"}} {
		p = start(t, nil, help...)
		require.Zero(t, p.exit(), "%v", help)
		require.Contains(t, p.text(), "Usage:")
	}

	p = start(t, nil, "up", "--no-such-flag")
	require.Equal(t, exitUsage, p.exit())
	require.Contains(t, p.text(), "--no-such-flag")
	require.Contains(t, p.text(), "tollkeeper up --help")
}

func TestDefaultsAreAGoodConfiguration(t *testing.T) {
	p := start(t, nil, "config", "defaults")
	require.Zero(t, p.exit())
	config := filepath.Join(t.TempDir(), "toll.yaml")
	require.NoError(t, os.WriteFile(config, []byte(p.text()), 0o600))
	p = start(t, nil, "config", "check", "--config", config)
	require.Zero(t, p.exit(), p.text())
}

func TestDashboardsExport(t *testing.T) {
	dir := t.TempDir()
	p := start(t, nil, "dashboards", "export", dir)
	require.Zero(t, p.exit())
	require.FileExists(t, filepath.Join(dir, "dashboards", "tollkeeper", "tollkeeper-spend.json"))
}
