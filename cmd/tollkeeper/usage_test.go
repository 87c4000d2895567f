package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
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
		"received 0: want tollkeeper replay FILE|DIR":   {"replay"},
		"1969-01-01: want years from 2002 to 2100":      {"explain", "total", "--tenant", "acme", "--day", "1969-01-01"},
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

func TestCommandsAskWhatUpRunsWhereNoServerIsNamed(t *testing.T) {
	config := filepath.Join(t.TempDir(), "toll.yaml")
	require.NoError(t, os.WriteFile(config, []byte(`
kafka: {embedded: {listen: "127.0.0.1:1"}}
clickhouse: {embedded: {listen: "127.0.0.1:2"}}
`), 0o600))
	for command, address := range map[string]string{"budgets list": "127.0.0.1:2", "alerts list": "127.0.0.1:2", "report": "127.0.0.1:2",
		"ingest status": "127.0.0.1:1", "deadletter list": "127.0.0.1:1"} {
		p := start(t, nil, append(strings.Fields(command), "--config", config)...)
		require.Equal(t, exitFailed, p.exit(), command)
		require.Contains(t, p.text(), "dial tcp "+address+": connect: connection refused", command)
		require.Contains(t, p.text(), "does `tollkeeper up` run", command)
		require.NotContains(t, p.text(), "?async_insert", command)
	}
}

func TestHelpKeepsToTheTerminalsWidth(t *testing.T) {
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		var out strings.Builder
		c.SetOut(&out)
		require.NoError(t, c.Help())
		for line := range strings.Lines(out.String()) {
			line = strings.TrimRight(line, "\n")
			// What is indented stands as it is (tables, examples) or is pflag's, which wraps by its own measure.
			require.True(t, strings.HasPrefix(line, "  ") || utf8.RuneCountInString(line) <= defaultHelp, "%s: %s", c.CommandPath(), line)
			require.NotContains(t, line, "(default )", c.CommandPath())
			require.LessOrEqual(t, strings.Count(line, "(default"), 1, "%s: %s", c.CommandPath(), line)
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(newRoot())
	require.Equal(t, "one two\nthree\n\n  as  it is\n- four\n- five six", wrap("one two three\n\n  as  it is\n- four\n- five\nsix", 10))
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
