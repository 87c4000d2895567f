package textfile

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRead(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.yaml")
	for text, want := range map[string]string{"a: 1\n": "a: 1\n", "\ufeffa: 1\r\n": "a: 1\r\n", "": ""} {
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		got, err := Read(name)
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	require.NoError(t, os.WriteFile(name, []byte("\xff\xfea\x00"), 0o600))
	for path, want := range map[string]error{name: ErrUTF16, "/dev/zero": ErrTooLarge, filepath.Dir(name): nil, name + "x": fs.ErrNotExist} {
		_, err := Read(path)
		where := (*fs.PathError)(nil)
		require.ErrorAs(t, err, &where)
		require.Equal(t, path, where.Path)
		if want != nil {
			require.ErrorIs(t, err, want)
		}
	}
}
