package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/telemetry"
)

func TestAnAddressIsSchemeAndHostInErrorsAndLogs(t *testing.T) {
	get := func(address string) error {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		require.NoError(t, err)
		_, err = http.DefaultClient.Do(r)
		return fmt.Errorf("ask: %w", err)
	}
	err := errors.Join(errors.New("one"), fmt.Errorf("two: %w", errors.Join(
		get("http://user:password@127.0.0.1:1/services/T0/B0/secret?token=abc"), get("http://127.0.0.1:2/?param_x=1"))))

	text := telemetry.ErrorText(err)
	require.Equal(t, "one\ntwo: ask: Get \"http://127.0.0.1:1\": context canceled\nask: Get \"http://127.0.0.1:2\": context canceled", text)
	require.Equal(t, "plain", telemetry.ErrorText(errors.New("plain")))

	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		log := telemetry.NewLogger(&out, telemetry.LogConfig{Level: "info", Format: format})
		log.Warn("failed", "error", err, "nothing", error(nil))
		require.NotContains(t, out.String(), "secret")
		require.NotContains(t, out.String(), "param_x")
		require.Contains(t, out.String(), "127.0.0.1:1")
	}
}
