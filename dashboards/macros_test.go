package dashboards

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestExpandReplacesWhatGrafanaReplaces(t *testing.T) {
	day := Range{From: time.Unix(1700000000, 0), To: time.Unix(1700086400, 0)}
	sql, err := Expand("SELECT $__fromTime, $__toTime, $__interval_s, ${tenant:singlequote}", day, 90*time.Second,
		map[string]string{"tenant": `o'neil\`})
	require.NoError(t, err)
	require.Equal(t, `SELECT toDateTime(1700000000), toDateTime(1700086400), 90, 'o\'neil\\'`, sql)

	_, err = Expand("${team:singlequote}", day, time.Minute, nil)
	require.ErrorContains(t, err, "team")
	_, err = Expand("$__timeFilter(at)", day, time.Minute, nil)
	require.ErrorContains(t, err, "$__timeFilter")
}

func TestStepIsWholeMinutes(t *testing.T) {
	now := time.Unix(1700000000, 0)
	require.Equal(t, time.Minute, Range{From: now, To: now.Add(time.Hour)}.Step(100))
	require.Equal(t, 14*time.Minute, Range{From: now, To: now.Add(24 * time.Hour)}.Step(100))
}

func TestEveryPanelIsComplete(t *testing.T) {
	for _, board := range All() {
		seen := map[string]bool{}
		for _, row := range board.Rows {
			width := uint32(0)
			for _, p := range row.Panels {
				require.NotEmpty(t, p.Description, p.Title)
				require.NotEmpty(t, p.SQL(), p.Title)
				require.NotZero(t, p.Height, p.Title)
				require.False(t, seen[p.Query], "query %s stands twice on %s", p.Query, board.Title)
				seen[p.Query] = true
				width += p.Width
			}
			require.Zero(t, width%24, "row %q of %s leaves a hole: its panels are %d wide together", row.Title, board.Title, width)
		}
	}
}
