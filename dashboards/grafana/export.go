package grafana

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tollkeeper/tollkeeper/dashboards"
)

//go:embed provisioning
var provisioning embed.FS

// Export writes a folder for Grafana's file provisioning (GF_PATHS_PROVISIONING): the ClickHouse data source, the
// dashboard provider, and one JSON file per board. The data source reads its address and password from Grafana's own
// environment: TOLLKEEPER_CLICKHOUSE_HOST, _PORT, _USER, _PASSWORD. It returns the files written.
func Export(dir string) ([]string, error) {
	var written []string
	write := func(name string, content []byte) error {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("export dashboards: %w", err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return fmt.Errorf("export dashboards: %w", err)
		}
		written = append(written, path)
		return nil
	}
	for _, name := range []string{"datasources/tollkeeper.yaml", "dashboards/tollkeeper.yaml"} {
		content, err := provisioning.ReadFile("provisioning/" + name)
		if err != nil {
			return written, fmt.Errorf("export dashboards: %w", err)
		}
		if err := write(name, content); err != nil {
			return written, err
		}
	}
	for _, board := range dashboards.All() {
		content, err := JSON(board)
		if err != nil {
			return written, err
		}
		if err := write("dashboards/tollkeeper/"+board.UID+".json", content); err != nil {
			return written, err
		}
	}
	return written, nil
}
