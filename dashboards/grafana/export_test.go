package grafana

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/dashboards"
	"github.com/tollkeeper/tollkeeper/schema"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestBoardsAreAsReviewed(t *testing.T) {
	for _, board := range dashboards.All() {
		got, err := JSON(board)
		require.NoError(t, err)
		golden := filepath.Join("testdata", board.UID+".json")
		if *update {
			require.NoError(t, os.MkdirAll("testdata", 0o755))
			require.NoError(t, os.WriteFile(golden, got, 0o644))
		}
		want, err := os.ReadFile(golden)
		require.NoError(t, err)
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s changed; if that is meant: go test ./dashboards/grafana -update\n%s", golden, diff)
		}
	}
}

func TestExportWritesAProvisioningFolder(t *testing.T) {
	dir := t.TempDir()
	files, err := Export(dir)
	require.NoError(t, err)
	var names []string
	for _, f := range files {
		name, err := filepath.Rel(dir, f)
		require.NoError(t, err)
		names = append(names, filepath.ToSlash(name))
	}
	require.Equal(t, []string{"datasources/tollkeeper.yaml", "dashboards/tollkeeper.yaml",
		"dashboards/tollkeeper/tollkeeper-spend.json", "dashboards/tollkeeper/tollkeeper-tenant.json", "dashboards/tollkeeper/tollkeeper-oncall.json",
		"dashboards/tollkeeper/tollkeeper-scaling.json", "dashboards/tollkeeper/tollkeeper-trace.json", "dashboards/tollkeeper/tollkeeper-pipeline.json"}, names)

	raw, err := os.ReadFile(filepath.Join(dir, "datasources/tollkeeper.yaml"))
	require.NoError(t, err)
	var sources struct {
		Datasources []struct{ UID, Type string }
	}
	require.NoError(t, yaml.Unmarshal(raw, &sources))
	require.Equal(t, DatasourceUID, sources.Datasources[0].UID)
	require.Equal(t, DatasourceType, sources.Datasources[0].Type)

	_, err = Export(filepath.Join(files[0], "below-a-file"))
	require.ErrorContains(t, err, "export dashboards")
}

// A browser asks all of a board at once: two boards and the API's four questions are within what a tenant's user may run.
func TestBoardsFitTheLimitOfATenantsUser(t *testing.T) {
	largest := 0
	for _, board := range dashboards.All() {
		text, err := JSON(board)
		require.NoError(t, err)
		var shown struct {
			Panels []struct {
				Targets []json.RawMessage `json:"targets"`
			} `json:"panels"`
		}
		require.NoError(t, json.Unmarshal(text, &shown))
		n := 0
		for _, p := range shown.Panels {
			n += len(p.Targets)
		}
		largest = max(largest, n)
	}
	require.Greater(t, largest, 20, "this test counts the wrong thing")
	require.LessOrEqual(t, 2*largest+4, schema.TenantQueries)
}
