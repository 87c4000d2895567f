package ledger

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestSetMinute(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 30, 45, 0, time.UTC)
	minute := now.Truncate(time.Minute)
	for name, c := range map[string]struct {
		start   time.Time
		want    time.Time
		outside bool
	}{
		"now":               {now, minute, false},
		"a day ago":         {now.AddDate(0, 0, -1), minute.AddDate(0, 0, -1), false},
		"at the late bound": {now.Add(-MaxLate), minute.Add(-MaxLate), false},
		"beyond it":         {now.Add(-MaxLate - 1), minute, true},
		"at the early one":  {now.Add(MaxAhead), minute.Add(MaxAhead), false},
		"beyond that":       {now.Add(MaxAhead + 1), minute, true},
		"1970":              {time.Unix(0, 0), minute, true},
		"before 1970":       {time.Date(1901, 1, 1, 0, 0, 0, 0, time.UTC), minute, true},
		"2200":              {time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC), minute, true},
	} {
		call := Call{Start: c.start.UnixNano(), Received: now.UnixNano()}
		call.SetMinute()
		require.Equal(t, c.want.Unix(), call.Minute, name)
		require.Equal(t, c.outside, call.Flags&FlagStartOutside != 0, name)
	}
}

// The order of versions is by completeness, then re-rate number, then content.
func TestVersionOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) (c Call, rerate uint16, hash uint64) {
			if rapid.Bool().Draw(t, name+" usage") {
				c.Usage.Tokens[TextOutput] = 1
			}
			c.Unpriced = rapid.SampledFrom([]string{"", UnpricedModel}).Draw(t, name+" unpriced")
			c.ErrorClass = rapid.SampledFrom([]string{"", "error"}).Draw(t, name+" error")
			return c, rapid.Uint16().Draw(t, name+" rerate"), rapid.Uint64().Draw(t, name+" hash")
		}
		complete := func(c Call) (n int) {
			if !c.Usage.Zero() {
				n += 4
			}
			if c.Unpriced == "" {
				n += 2
			}
			if c.ErrorClass == "" {
				n++
			}
			return n
		}
		a, ra, ha := draw("a")
		b, rb, hb := draw("b")
		va, vb := a.Version(ra, ha), b.Version(rb, hb)
		switch {
		case complete(a) != complete(b):
			require.Equal(t, complete(a) > complete(b), va > vb)
		case ra != rb:
			require.Equal(t, ra > rb, va > vb)
		default:
			require.Equal(t, ha&(1<<40-1) > hb&(1<<40-1), va > vb)
		}
	})
}
