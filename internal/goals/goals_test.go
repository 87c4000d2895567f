package goals

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWrite(t *testing.T) {
	rows := []Row{Told("calls", "7"), AtMost("minute, s", "%.1f", 0.3, 0.3), AtLeast("speed", "%.0f %%", 39, 40)}
	var out strings.Builder
	require.EqualError(t, Write(&out, "ROLLUP", rows, false), "ROLLUP: 1 of 2 goals missed")
	require.Equal(t, `calls      7
minute, s  0.3   (goal <= 0.3)   ok
speed      39 %  (goal >= 40 %)  short
ROLLUP: got 1 of 2 goals (goal all) short
`, out.String())
	out.Reset()
	require.NoError(t, Write(&out, "ROLLUP", rows[:2], true))
	require.Equal(t, `{"name":"calls","got":"7","ok":true}
{"name":"minute, s","got":"0.3","goal":"<= 0.3","ok":true}
`, out.String())
}
