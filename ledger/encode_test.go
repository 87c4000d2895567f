package ledger

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
)

// A text is written as protobuf has it, whatever its length and the room that is left, with a letter of another alphabet at any place, and
// with a byte that is none.
func TestTextsOfEveryLength(t *testing.T) {
	for n := range 140 {
		for at := -1; at < n; at++ {
			for _, odd := range []string{"é", "\xff"} {
				s := strings.Repeat("x", n)
				if at >= 0 {
					s = s[:at] + odd + s[at+1:]
				}
				for _, num := range []int{2, 44} {
					var want []byte
					if s != "" {
						want = protowire.AppendString(protowire.AppendTag(nil, protowire.Number(num), protowire.BytesType), CleanText(s))
					}
					for _, room := range []int{0, 2 + n, 3 + n, 200} {
						got := appendText(append(make([]byte, 0, 1+room), 7), num, s)
						require.True(t, slices.Equal(want, got[1:]), "%q, room for %d", s, room)
						require.EqualValues(t, 7, got[0])
					}
				}
			}
		}
	}
}
