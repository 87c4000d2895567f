//go:build testall

package genai_test

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The recorder still runs: real instrumentations of Python and Node, installed from their registries by pinned versions,
// call the model server now, and what they send now is read as it was billed.
func TestRealEmittersNow(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command("record/run", "openllmetry_sdks", "openinference_sdks", "vercel")
	cmd.Env = append(cmd.Environ(), "RECORDINGS="+dir)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "the recorder needs python3 with venv, Node with npm, and their registries:\n%s", out)
	for _, emitter := range []string{"openllmetry-openai", "openllmetry-anthropic", "openinference-openai", "openinference-anthropic", "vercel-openai"} {
		require.DirExists(t, filepath.Join(dir, emitter))
	}
	readAsBilled(t, dir)
}
