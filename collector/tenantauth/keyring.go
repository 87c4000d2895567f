package tenantauth

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tollkeeper/tollkeeper/internal/textfile"
)

// Keyring is a keys file for others than the collector: who holds a key, by the file as Look last took it.
type Keyring struct {
	path string
	text []byte
	ring atomic.Pointer[ring]
}

// OpenKeyring reads the file.
func OpenKeyring(path string) (*Keyring, error) {
	k := &Keyring{path: path}
	_, err := k.Look()
	return k, err
}

// Look takes the file if its content changed; a file that is wrong changes nothing. One goroutine at a time.
func (k *Keyring) Look() (changed bool, err error) {
	text, err := textfile.Read(k.path)
	if err != nil {
		return false, fmt.Errorf("read the keys file: %w", err)
	}
	if k.text != nil && bytes.Equal(text, k.text) {
		return false, nil
	}
	keys, err := parse(text)
	if err != nil {
		return false, fmt.Errorf("keys file %s: %w", k.path, err)
	}
	k.ring.Store(newRing(keys))
	k.text = text
	return true, nil
}

// Find is the valid key that a secret is.
func (k *Keyring) Find(secret string, now time.Time) (Key, bool) {
	found := k.ring.Load().find(secret)
	if found == nil || found.State(now) != "valid" {
		return Key{}, false
	}
	return *found, true
}
