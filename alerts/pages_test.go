package alerts_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every kind of rule has a page: an alert's runbook leads there.
func TestEveryKindHasAPage(t *testing.T) {
	source, err := os.ReadFile("episode.go")
	require.NoError(t, err)
	list, err := os.ReadFile("../docs/alerts/README.md")
	require.NoError(t, err)
	kinds := regexp.MustCompile(`(?m)^\tKind\w+ += "(\w+)"`).FindAllStringSubmatch(string(source), -1)
	require.Greater(t, len(kinds), 10)
	for _, k := range kinds {
		page, err := os.ReadFile("../docs/alerts/" + k[1] + ".md")
		require.NoError(t, err)
		require.Contains(t, string(page), "**What to do", k[1])
		require.Contains(t, string(list), "("+k[1]+".md)")
	}
}
