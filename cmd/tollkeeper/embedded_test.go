package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The embedded servers run alone, take schema and topics as real ones do, and stop when they are told.
func TestEmbeddedServersAlone(t *testing.T) {
	engine := start(t, nil, "embedded", "clickhouse", "--data-dir", filepath.Join(t.TempDir(), "engine"), "--listen", "127.0.0.1:0")
	url := engine.waitFor(`(http://\S+:\d+/tollkeeper)`)
	broker := start(t, nil, "embedded", "kafka", "--listen", "127.0.0.1:0")
	address := broker.waitFor(`(?m)^(127\.0\.0\.1:\d+)$`)
	servers := map[string]string{"TOLLKEEPER_CLICKHOUSE_URL": url, "TOLLKEEPER_KAFKA_BROKERS": address}

	for _, job := range []struct {
		args []string
		says string
	}{
		{[]string{"schema", "apply"}, "the schema is up to date"},
		{[]string{"schema", "diff"}, "nothing to change"},
		{[]string{"schema", "verify"}, "the database is as it should be"},
		{[]string{"topics", "apply"}, "the topics exist"},
		{[]string{"rollup", "--once"}, "minute  0 windows"},
	} {
		p := start(t, servers, job.args...)
		require.Zero(t, p.exit(), "%v:\n%s", job.args, p.text())
		require.Regexp(t, job.says, p.text())
	}
	require.Zero(t, engine.terminate())
	require.Zero(t, broker.terminate())
}
