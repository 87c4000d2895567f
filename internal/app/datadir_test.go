package app

import (
	"path/filepath"
	"strconv"
	"testing"

	"os"

	"github.com/stretchr/testify/require"
)

func TestDataDirHasOneOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	first, err := OpenDataDir(path)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())

	_, err = OpenDataDir(path)
	require.ErrorContains(t, err, path)
	require.ErrorContains(t, err, "process "+strconv.Itoa(os.Getpid()))
	require.ErrorContains(t, err, "--data-dir")

	require.NoError(t, first.Close())
	second, err := OpenDataDir(path)
	require.NoError(t, err)
	require.NoError(t, second.Close())
}

func TestDataDirThatCannotBeMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := OpenDataDir(filepath.Join(file, "data"))
	require.ErrorContains(t, err, "--data-dir")
}
