//go:build testall

package collector

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/testkit/kafkatest"
)

// A Collector built with ocb from manifest.yaml takes default.yaml, and a call that is sent to it is in Kafka.
func TestOCBBuildsTheCollector(t *testing.T) {
	binary := buildWithOCB(t)
	broker := kafkatest.New(t)
	grpc, err := choosePort("127.0.0.1:0")
	require.NoError(t, err)
	text, err := os.ReadFile("default.yaml")
	require.NoError(t, err)
	config := filepath.Join(t.TempDir(), "collector.yaml")
	here := strings.NewReplacer("127.0.0.1:9092", broker.Brokers[0], "127.0.0.1:4317", grpc, "127.0.0.1:4318", "127.0.0.1:0").Replace(string(text))
	here += "  telemetry: {metrics: {level: none}}\n" // the file ends with service; its metrics would take a port
	require.NoError(t, os.WriteFile(config, []byte(here), 0o600))
	args := []string{"--config", config}

	out, err := exec.Command(binary, append([]string{"validate"}, args...)...).CombinedOutput()
	require.NoError(t, err, string(out))

	var log bytes.Buffer
	command := exec.Command(binary, args...)
	command.Stdout, command.Stderr = &log, &log
	require.NoError(t, command.Start())
	done := make(chan error, 1)
	go func() { done <- command.Wait() }()
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-done:
			require.NoError(t, err, log.String())
		case <-time.After(waitLimit):
			_ = command.Process.Kill()
			t.Error("it didn't stop within " + waitLimit.String())
		}
	})
	r := &running{Collector: &Collector{grpc: grpc}}
	send := r.client(t, "grpc")
	td := testTraces(t, 1, 1)
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		return send(ctx, td) == nil
	}, waitLimit, pollEvery)
	got := calls(t, broker)
	require.NotEmpty(t, got)
	require.Equal(t, "acme", got[0].Tenant)
	require.Positive(t, got[0].TotalCost())
}

// buildWithOCB builds manifest.yaml outside the tree.
func buildWithOCB(t *testing.T) (binary string) {
	t.Helper()
	builder := tool(t, "go.opentelemetry.io/collector/cmd/builder")
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	text, err := os.ReadFile("manifest.yaml")
	require.NoError(t, err)
	dir := t.TempDir()
	manifest := strings.NewReplacer("./build/collector", dir, "=> ../..", "=> "+root).Replace(string(text))
	require.NotEqual(t, string(text), manifest)
	path := filepath.Join(t.TempDir(), "manifest.yaml")
	require.NoError(t, os.WriteFile(path, []byte(manifest), 0o600))
	command := exec.Command(builder, "--config", path)
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	out, err := command.CombinedOutput()
	require.NoError(t, err, string(out))
	return filepath.Join(dir, "tollkeeper-collector")
}
