package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/embedded/clickhouse"
)

const library = "not really a library"

func small() artifact {
	sum := sha256.Sum256([]byte(library))
	return artifact{pkg: "@chdb/lib-test", sha256: hex.EncodeToString(sum[:]), librarySize: int64(len(library)), libraryInPkg: "libchdb.so"}
}

// writer stands for npm: it puts content where npm would.
type writer struct {
	content string
	err     error
	calls   *int
}

func (writer) name() string    { return "a test" }
func (writer) missing() string { return "" }

func (w writer) install(_ context.Context, dir string) error {
	*w.calls++
	if w.err != nil {
		return w.err
	}
	folder := filepath.Join(dir, "node_modules", "@chdb", "lib-test")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "libchdb.so"), []byte(w.content), 0o600)
}

type absent struct{ installer }

func (absent) name() string    { return "npm" }
func (absent) missing() string { return "npm is not in PATH" }

func TestSecondFetchDownloadsNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache", "libchdb.so")
	var calls int
	var out bytes.Buffer
	for range 2 {
		require.NoError(t, small().install(context.Background(), path, []installer{absent{}, writer{content: library, calls: &calls}}, &out))
	}
	require.Equal(t, 1, calls)
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, library, string(got))
	require.Contains(t, out.String(), "is there: "+path)
}

func TestBadFetchLeavesNothing(t *testing.T) {
	for name, with := range map[string]writer{
		"altered": {content: "something else entirely"},
		"cut":     {err: errors.New("network is down")},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "libchdb.so")
			with.calls = new(int)
			require.Error(t, small().install(context.Background(), path, []installer{with}, &bytes.Buffer{}))
			left, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*lib*"))
			require.NoError(t, err)
			require.Empty(t, left)
			left, err = filepath.Glob(filepath.Join(filepath.Dir(path), "fetch-*"))
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}

func TestWithoutToolsSaysWhatToRun(t *testing.T) {
	err := small().install(context.Background(), filepath.Join(t.TempDir(), "libchdb.so"), []installer{absent{}}, &bytes.Buffer{})
	require.ErrorContains(t, err, "npm is not in PATH")
	require.ErrorContains(t, err, "apt-get install npm")
	require.ErrorContains(t, err, "npm pack @chdb/lib-test@"+clickhouse.EngineVersion)
}

func TestLockFilesPinTheSameVersionAndNoRegistry(t *testing.T) {
	b, err := locked.ReadFile("lock/package-lock.json")
	require.NoError(t, err)
	var lockFile struct {
		Packages map[string]struct{ Version, Integrity, Resolved string }
	}
	require.NoError(t, json.Unmarshal(b, &lockFile))
	for platform, a := range artifacts {
		entry := lockFile.Packages["node_modules/"+a.pkg]
		require.Equal(t, clickhouse.EngineVersion, entry.Version, platform)
		require.NotEmpty(t, entry.Integrity)
	}
	for _, entry := range lockFile.Packages {
		require.Empty(t, entry.Resolved)
	}
}

func TestProgressFitsATerminal(t *testing.T) {
	for _, have := range []int64{0, 1, 300e6, 559044752, 700e6} {
		line := progressLine(have, 559044752, 100*time.Minute)
		require.Less(t, len(line), 80)
		require.Equal(t, 30, strings.Count(line, "#")+strings.Count(line, "."))
	}
}
