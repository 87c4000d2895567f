package ledger_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// A sum of counts never wraps round: a long context can't pass for a short one.
func TestSumsOfCountsStayAtTheTop(t *testing.T) {
	var u ledger.Usage
	u.Tokens[ledger.FreshInput], u.Tokens[ledger.CacheRead] = 1<<62, 1<<62
	u.Tokens[ledger.TextOutput], u.Tokens[ledger.Reasoning] = math.MaxInt64, 1
	require.Equal(t, int64(math.MaxInt64), u.Input())
	require.Equal(t, int64(math.MaxInt64), u.Output())
}
