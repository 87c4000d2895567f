package main

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAKeeperThatCannotBeToldAnythingEnds(t *testing.T) {
	at, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, at.Close())
	err = serveCommands(t.Context(), at, http.NotFoundHandler(), func(ctx context.Context) error {
		<-ctx.Done()
		return nil
	})
	require.ErrorIs(t, err, net.ErrClosed)
}

// Leases that can't be read may not be lost: the keeper says why and ends, without filling the memory.
func TestAKeeperNamesWhatIsWrongWithItsFile(t *testing.T) {
	wide := filepath.Join(t.TempDir(), "leases.json")
	require.NoError(t, os.WriteFile(wide, []byte("\xff\xfe[\x00]\x00"), 0o600))
	for file, want := range map[string]string{wide: wide + ": its text is UTF-16", "/dev/zero": "/dev/zero: larger than 64 MiB"} {
		p := start(t, map[string]string{"TOLLKEEPER_WEBHOOK_SECRET": "whsec_c2VjcmV0c2VjcmV0c2VjcmV0", "LITELLM_ADMIN_KEY": "k"}, "keeper", "--allow", "127.0.0.0/8", "--file", file, "--listen", "127.0.0.1:0")
		require.Equal(t, exitFailed, p.exit(), p.text())
		require.Contains(t, p.text(), want)
	}
}
