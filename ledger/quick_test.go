package ledger

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"
)

// The quick ways read what protowire reads, from whatever bytes.
func TestQuickWaysAreProtowires(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.OneOf(rapid.Byte(), rapid.SampledFrom([]byte{0, 1, 7, 8, 0x7f, 0x80, 0xff})), 0, 12).Draw(t, "bytes")
		num, typ, n := tag(b)
		wantNum, wantType, want := protowire.ConsumeTag(b)
		require.Equal(t, want, n)
		if n > 0 {
			require.Equal(t, wantNum, num)
			require.Equal(t, wantType, typ)
		}
		v, n := varint(b)
		wantV, want := protowire.ConsumeVarint(b)
		require.Equal(t, want, n)
		require.Equal(t, wantV, v)
		text, n := lengthed(b)
		wantText, want := protowire.ConsumeBytes(b)
		require.Equal(t, want, n)
		require.Equal(t, wantText, text)
	})
}
