package schematest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/internal/testkit/schematest"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

// A database goes to the next test without rows; one whose definitions were changed, or which is gone, doesn't.
func TestDatabasesAreUsedAgain(t *testing.T) {
	engine := clickhousetest.Start(t)
	const mark = "INSERT INTO dirty_windows (level, window) VALUES ('minute', now())"
	const count = "SELECT count() FROM dirty_windows"
	var first, second string
	t.Run("leaves rows", func(t *testing.T) {
		first = schematest.Database(t, engine)
		second = schematest.Database(t, engine)
		require.NotEqual(t, first, second)
		engine.Exec(t, first, mark)
		require.Equal(t, "1", engine.Exec(t, first, count))
	})
	used := map[string]bool{}
	t.Run("changes tables", func(t *testing.T) {
		for range 2 {
			url := schematest.Database(t, engine)
			used[url] = true
			require.Equal(t, "0", engine.Exec(t, url, count))
		}
		require.Equal(t, map[string]bool{first: true, second: true}, used)
		engine.Exec(t, first, "ALTER TABLE dirty_windows ADD COLUMN more String")
		engine.Exec(t, second, "DROP DATABASE IF EXISTS "+second[len(second)-len("ledger_2"):])
	})
	t.Run("gets a new one", func(t *testing.T) {
		url := schematest.Database(t, engine)
		require.NotContains(t, used, url)
		require.Equal(t, "0", engine.Exec(t, url, count))
	})
}
