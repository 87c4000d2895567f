//go:build testall

package second

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/pricing"
)

// The generated price files and both opinions come out the same, byte for byte, from the pinned packages: fetched anew, with
// genai-prices' own code computing the totals. Needs Python and its package registry.
func TestCatalogueComesOutTheSame(t *testing.T) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	require.NoError(t, err)
	facts, tree := t.TempDir(), t.TempDir()
	run := func(dir, name string, args ...string) {
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
	}
	maker := filepath.Join(root, "pricing", "catalogue", "make")
	run(root, filepath.Join(maker, "facts"), facts)
	run(root, "go", "build", "-o", filepath.Join(facts, "make-catalogue"), "./pricing/catalogue/make")

	copied := filepath.Join(tree, "pricing", "catalogue", "make")
	require.NoError(t, os.MkdirAll(copied, 0o755))
	rules, err := os.ReadFile(filepath.Join(maker, "rules.yaml"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(copied, "rules.yaml"), rules, 0o644))
	run(tree, filepath.Join(facts, "make-catalogue"), facts)
	same(t, filepath.Join(tree, "pricing", "catalogue"), filepath.Join(root, "pricing", "catalogue"))

	run(root, filepath.Join(facts, "env", "bin", "python"), filepath.Join(maker, "usages.py"), facts, filepath.Join(facts, "usages.tsv"))
	book, err := pricing.Builtin()
	require.NoError(t, err)
	again := t.TempDir()
	require.NoError(t, Update(book, facts, again))
	same(t, again, "testdata")
}

// same holds that every file of one folder has the other's content.
func same(t *testing.T, got, want string) {
	entries, err := os.ReadDir(got)
	require.NoError(t, err)
	files := 0
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		files++
		a, err := os.ReadFile(filepath.Join(got, e.Name()))
		require.NoError(t, err)
		b, err := os.ReadFile(filepath.Join(want, e.Name()))
		require.NoError(t, err)
		require.True(t, string(a) == string(b), "%s differs from what the pinned packages give: run make catalogue", e.Name())
	}
	require.Positive(t, files)
}
