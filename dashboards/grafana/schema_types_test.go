//go:build testall

package grafana

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/dashboards"
)

// The types of each panel's options and of its fields' drawing options, by panel type.
var panelTypes = map[string][2]string{
	"stat":       {"stat.Options", "{}"},
	"timeseries": {"timeseries.Options", "timeseries.FieldConfig"},
	"table":      {"table.Options", "table.FieldConfig"},
	"barchart":   {"barchart.Options", "barchart.FieldConfig"},
}

// Every exported dashboard is checked by TypeScript against Grafana's own published types.
func TestDashboardsHaveGrafanasTypes(t *testing.T) {
	dir := installTypes(t)
	for _, board := range dashboards.All() {
		raw, err := JSON(board)
		require.NoError(t, err)
		out, err := typecheck(t, dir, typescript(t, raw))
		require.NoError(t, err, "%s:\n%s", board.UID, out)
	}
	raw, err := JSON(dashboards.Spend())
	require.NoError(t, err)
	wrong := strings.Replace(typescript(t, raw), `"timezone": "utc"`, `"timezone": 5`, 1)
	out, err := typecheck(t, dir, wrong)
	require.Error(t, err, "a dashboard of wrong types passed")
	require.Contains(t, out, "TS2322")
}

// typescript writes the dashboard as typed constants: the whole, and each panel's options, which the whole leaves open.
func typescript(t *testing.T, raw []byte) string {
	var b strings.Builder
	b.WriteString("import type { Dashboard, DataSourceRef } from '@grafana/schema';\n")
	for kind := range panelTypes {
		name := map[string]string{"stat": "Stat", "timeseries": "TimeSeries", "table": "Table", "barchart": "BarChart"}[kind]
		fmt.Fprintf(&b, "import type * as %s from '@grafana/schema/dist/esm/raw/composable/%s/panelcfg/x/%sPanelCfg_types.gen';\n", kind, kind, name)
	}
	b.WriteString("type Loose<T> = T extends (infer U)[] ? Loose<U>[] : T extends string ? `${T}` | T : T extends object ? { [K in keyof T]?: Loose<T[K]> } : T;\n")
	fmt.Fprintf(&b, "export const board: Loose<Omit<Dashboard, 'panels' | 'templating' | 'annotations'>> & { panels: unknown[]; templating: unknown; annotations?: unknown } = %s;\n", raw)
	var d struct {
		Panels []struct {
			Type        string
			Datasource  json.RawMessage
			Options     json.RawMessage
			FieldConfig struct {
				Defaults struct{ Custom json.RawMessage }
			}
		}
	}
	require.NoError(t, json.Unmarshal(raw, &d))
	for i, p := range d.Panels {
		if p.Type == "row" {
			continue
		}
		types, ok := panelTypes[p.Type]
		require.True(t, ok, "panel type %s has no types here", p.Type)
		for name, part := range map[string]struct {
			raw json.RawMessage
			typ string
		}{"options": {p.Options, types[0]}, "custom": {p.FieldConfig.Defaults.Custom, types[1]}, "datasource": {p.Datasource, "DataSourceRef"}} {
			if len(part.raw) > 0 {
				fmt.Fprintf(&b, "export const %s%d: Loose<%s> = %s;\n", name, i, part.typ, part.raw)
			}
		}
	}
	return b.String()
}

// installTypes installs the locked packages below the user's cache folder, once.
func installTypes(t *testing.T) string {
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	dir := filepath.Join(cache, "tollkeeper", "schemacheck")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	for _, name := range []string{"package.json", "package-lock.json"} {
		content, err := os.ReadFile(filepath.Join("schemacheck", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o644))
	}
	cmd := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "npm ci (needs npm: apt-get install npm):\n%s", out)
	return dir
}

func typecheck(t *testing.T, dir, source string) (string, error) {
	file := filepath.Join(dir, "board.ts")
	require.NoError(t, os.WriteFile(file, []byte(source), 0o644))
	cmd := exec.Command(filepath.Join(dir, "node_modules", ".bin", "tsc"), "--noEmit", "--strict", "--skipLibCheck",
		"--module", "nodenext", "--moduleResolution", "nodenext", "--target", "es2022", "board.ts")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}
