package viewer_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// docs/app-developers.md says of coding agents what the page First steps says.
func TestAppDevelopersHaveThePagesSnippets(t *testing.T) {
	page, err := os.ReadFile("web/src/snippets.json")
	require.NoError(t, err)
	var snippets []struct {
		Name  string
		Steps []struct{ Text []string }
	}
	require.NoError(t, json.Unmarshal(page, &snippets))
	doc, err := os.ReadFile("../../docs/app-developers.md")
	require.NoError(t, err)
	addressed := strings.NewReplacer("{grpc}", "127.0.0.1:4317", "{http}", "127.0.0.1:4318")
	found := 0
	for _, s := range snippets {
		switch s.Name {
		case "Claude Code", "Codex", "Gemini CLI":
		default:
			continue
		}
		found++
		for _, step := range s.Steps {
			for _, line := range step.Text {
				require.Contains(t, string(doc), addressed.Replace(line), s.Name)
			}
		}
	}
	require.Equal(t, 3, found)
}
