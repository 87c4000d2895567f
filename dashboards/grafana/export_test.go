package grafana

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/dashboards"
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
