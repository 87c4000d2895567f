//go:build testall

package collector

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// tool builds one of the tools of tools/go.mod.
func tool(t *testing.T, path string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), filepath.Base(path))
	command := exec.Command("go", "build", "-modfile=tools/go.mod", "-o", out, path)
	command.Dir = ".."
	text, err := command.CombinedOutput()
	require.NoError(t, err, string(text))
	return out
}

// What mdatagen makes of each metadata.yaml is what the tree holds: run make metadata.
func TestGeneratedIsCurrent(t *testing.T) {
	mdatagen := tool(t, "go.opentelemetry.io/collector/cmd/mdatagen")
	found, err := filepath.Glob("*/metadata.yaml")
	require.NoError(t, err)
	require.Len(t, found, 9) // every component of ours
	module := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(module, "go.mod"), []byte("module github.com/tollkeeper/tollkeeper\n\ngo 1.26.0\n"), 0o600))
	for _, path := range found {
		dir := filepath.Dir(path)
		t.Run(dir, func(t *testing.T) {
			fresh := filepath.Join(module, "collector", dir)
			require.NoError(t, os.MkdirAll(fresh, 0o700))
			for _, name := range []string{"metadata.yaml", "README.md", "doc.go"} {
				text, err := os.ReadFile(filepath.Join(dir, name))
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(filepath.Join(fresh, name), text, 0o600))
			}
			command := exec.Command(mdatagen, "metadata.yaml")
			command.Dir = fresh
			text, err := command.CombinedOutput()
			require.NoError(t, err, string(text))
			made := generated(t, fresh)
			require.Greater(t, len(made), 2)
			require.Equal(t, made, generated(t, dir))
		})
	}
}

// generated are the files below dir that mdatagen writes, and their texts.
func generated(t *testing.T, dir string) map[string]string {
	t.Helper()
	texts := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasPrefix(d.Name(), "generated_") && d.Name() != "documentation.md" {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		texts[name] = string(text)
		return err
	}))
	return texts
}
