package deploy

import (
	"os"
	"regexp"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

var metric = regexp.MustCompile(`tollkeeper_[a-z0-9_]+`)

// Rules and triggers name metrics that the product has (docs/metrics.md is held to it).
func TestExamplesNameOurMetrics(t *testing.T) {
	page, err := os.ReadFile("../docs/metrics.md")
	require.NoError(t, err)
	for _, file := range []string{"prometheus/rules.yaml", "prometheus/rules_test.yaml", "keda/scaledobject.yaml"} {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		var any any
		require.NoError(t, yaml.Unmarshal(raw, &any), file)
		names := metric.FindAllString(string(raw), -1)
		require.NotEmpty(t, names, file)
		for _, name := range names {
			require.Contains(t, string(page), "`"+name+"`", file)
		}
	}
}
