package schema

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCallsAreReadThroughTheirView: call_reports holds several reports of one call, and older versions of each; only the view
// calls has one row per call. A query that reads the table is wrong by the doubles. Ingest writes it, and explain shows what gave way.
func TestCallsAreReadThroughTheirView(t *testing.T) {
	found := 0
	require.NoError(t, fs.WalkDir(queries, "queries", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(queries, path)
		if err != nil {
			return err
		}
		var code strings.Builder
		for line := range strings.Lines(string(text)) {
			before, _, _ := strings.Cut(line, "--")
			code.WriteString(before)
		}
		if !strings.Contains(code.String(), "call_reports") {
			return nil
		}
		found++
		require.True(t, strings.HasSuffix(path, "ingest/insert_calls.sql") || strings.HasSuffix(path, "explain/reports.sql"),
			"%s reads call_reports: read calls(from, to)", path)
		return nil
	}))
	require.Equal(t, 2, found, "the insert and the explanation are there: the test looks at the right files")
}
