package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The first key makes the file that the configuration names; the key is shown once; a revoked one stays in the list.
func TestKeys(t *testing.T) {
	dir := t.TempDir()
	keys, config := filepath.Join(dir, "keys.yaml"), filepath.Join(dir, "toll.yaml")
	require.NoError(t, os.WriteFile(config, []byte("collector: {auth: {keys_file: "+keys+"}}\n"), 0o600))
	p := start(t, nil, "keys", "create", "acme", "--config", config, "--note", "shop")
	require.Zero(t, p.exit())
	secret, _, _ := strings.Cut(p.text(), "\n")
	require.Regexp(t, `^tk_[0-9a-f]{8}_[A-Za-z0-9_-]{43}$`, secret)
	id := strings.Split(secret, "_")[1]

	p = start(t, nil, "keys", "revoke", id, "--file", keys)
	require.Zero(t, p.exit())
	p = start(t, nil, "keys", "list", "--config", config)
	require.Zero(t, p.exit())
	require.Regexp(t, id+` +acme +revoked`, p.text())
	require.NotContains(t, p.text(), secret[len("tk_00000000_"):])

	require.Equal(t, 2, start(t, nil, "keys", "list").exit())
	require.Equal(t, 1, start(t, nil, "keys", "revoke", "nope", "--file", keys).exit())
}
