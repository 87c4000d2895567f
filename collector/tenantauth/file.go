package tenantauth

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/tollkeeper/tollkeeper/internal/textfile"
)

const header = "# API keys of Tollkeeper's collector: SHA-256 sums, no key. Written by `tollkeeper keys`.\n"

// Read reads a keys file.
func Read(path string) ([]Key, error) {
	text, err := textfile.Read(path)
	if err != nil {
		return nil, fmt.Errorf("read the keys file: %w", err)
	}
	keys, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("keys file %s: %w", path, err)
	}
	return keys, nil
}

// Create adds a key to the file, which is made if it isn't there, and returns the key itself: the only time it is seen.
func Create(path string, k Key) (secret string, stored Key, err error) {
	if err := CheckTenant(k.Tenant); err != nil {
		return "", k, err
	}
	err = change(path, true, func(keys []Key) ([]Key, error) {
		secret, stored = Generate(k)
		return append(keys, stored), nil
	})
	return secret, stored, err
}

// Revoke marks a key as revoked; it stays in the file as history. A running collector refuses it at its next reload.
func Revoke(path, id string, at time.Time) (Key, error) {
	var revoked Key
	err := change(path, false, func(keys []Key) ([]Key, error) {
		for i := range keys {
			if keys[i].ID != id {
				continue
			}
			if !keys[i].Revoked.IsZero() {
				return nil, fmt.Errorf("key %s: revoked already, at %s", id, keys[i].Revoked.Format(time.RFC3339))
			}
			keys[i].Revoked, revoked = at, keys[i]
			return keys, nil
		}
		return nil, fmt.Errorf("key %q: not in %s; see `tollkeeper keys list`", id, path)
	})
	return revoked, err
}

// change rewrites the file whole, by a rename, so that a collector never reads half of it. A lock file keeps two writers apart.
func change(path string, create bool, edit func([]Key) ([]Key, error)) (err error) {
	lock := path + ".lock"
	l, err := os.OpenFile(lock, os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("lock the keys file: %w; another `tollkeeper keys` is at work, or one was killed: then remove %s", err, lock)
	}
	if err != nil {
		return fmt.Errorf("keys file %s: %w: its folder has to be there and writable", path, err)
	}
	defer func() { err = errors.Join(err, l.Close(), os.Remove(lock)) }()
	keys, err := Read(path)
	if create && errors.Is(err, fs.ErrNotExist) {
		keys, err = nil, nil
	}
	if err != nil {
		return err
	}
	if keys, err = edit(keys); err != nil {
		return err
	}
	text, err := yaml.Marshal(file{keys})
	if err != nil {
		return fmt.Errorf("write the keys file: %w", err)
	}
	return replace(path, append([]byte(header), text...))
}

func replace(path string, text []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".keys-*")
	if err != nil {
		return fmt.Errorf("write the keys file: %w", err)
	}
	mode := fs.FileMode(0o600)
	if old, err := os.Stat(path); err == nil {
		mode = old.Mode().Perm()
	}
	_, err = tmp.Write(text)
	err = errors.Join(err, tmp.Chmod(mode), tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
		return fmt.Errorf("write the keys file: %w", err)
	}
	return nil
}
