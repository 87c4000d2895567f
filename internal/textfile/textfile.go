// Package textfile reads the files that people write: configuration, prices, keys, tenants, budgets, rules. It refuses what can't
// be one before it fills the memory, and takes the mark that some editors put before UTF-8. It imports nothing of ours.
package textfile

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
)

// Most is how large such a file may be, in bytes. The largest that we know, a catalogue of prices, has 2 MiB.
const Most = 64 << 20

// ErrTooLarge and ErrUTF16 are why a file is refused.
var (
	ErrTooLarge = errors.New("larger than 64 MiB, or without an end: no file of this kind is")
	ErrUTF16    = errors.New("its text is UTF-16: save it as UTF-8")
)

// Read is the file's content without a byte order mark. Every error is an *fs.PathError.
func Read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := Take(f)
	if err != nil {
		if where := (*fs.PathError)(nil); errors.As(err, &where) {
			return nil, err
		}
		return nil, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return text, nil
}

// Take is Read of an open file.
func Take(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, Most+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > Most:
		return nil, ErrTooLarge
	case bytes.HasPrefix(text, []byte{0xff, 0xfe}), bytes.HasPrefix(text, []byte{0xfe, 0xff}):
		return nil, ErrUTF16
	}
	return bytes.TrimPrefix(text, []byte("\ufeff")), nil
}
