package year

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

func TestAYearInThreeTiersOneOfThemABucket(t *testing.T) {
	cfg := DefaultConfig()
	cfg.PerDay = 20
	var out strings.Builder
	require.NoError(t, Run(t.Context(), &out, t.TempDir(), cfg, false), "%s", &out)
	require.Contains(t, out.String(), "YEAR: got 3 of 3 goals (goal all) ok")
	require.Regexp(t, `call_reports +cold +33\d `, out.String())
}
