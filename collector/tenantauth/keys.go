package tenantauth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/goccy/go-yaml"
)

// prefix marks our keys, so that scanners for leaked secrets can find them.
const prefix = "tk_"

const maxTenant = 128 // as llmcost has it

// Key is what is known of an API key: never the key itself. A key has 256 random bits, so a plain SHA-256 can't be searched.
type Key struct {
	ID      string    `yaml:"id" json:"id"`
	Tenant  string    `yaml:"tenant" json:"tenant"`
	SHA256  string    `yaml:"sha256" json:"-"`
	Claims  bool      `yaml:"claims,omitempty" json:"claims"` // its holder may name other tenants: a gateway
	Created time.Time `yaml:"created" json:"created"`
	Author  string    `yaml:"author,omitempty" json:"author"`
	Note    string    `yaml:"note,omitempty" json:"note"`
	Expires time.Time `yaml:"expires,omitempty" json:"expires,omitzero"`
	Revoked time.Time `yaml:"revoked,omitempty" json:"revoked,omitzero"`
}

// State is what the key is worth at a moment: valid, revoked or expired.
func (k *Key) State(now time.Time) string {
	switch {
	case !k.Revoked.IsZero():
		return "revoked"
	case !k.Expires.IsZero() && !now.Before(k.Expires):
		return "expired"
	}
	return "valid"
}

type file struct {
	Keys []Key `yaml:"keys"`
}

// Generate makes a new key and what is stored of it.
func Generate(k Key) (secret string, stored Key) {
	var raw [36]byte
	_, _ = rand.Read(raw[:]) // never fails (crypto/rand)
	k.ID = hex.EncodeToString(raw[:4])
	secret = prefix + k.ID + "_" + base64.RawURLEncoding.EncodeToString(raw[4:])
	sum := sha256.Sum256([]byte(secret))
	k.SHA256 = hex.EncodeToString(sum[:])
	return secret, k
}

// parse reads a keys file and tells every fault at once. No error repeats a line of the file.
func parse(text []byte) ([]Key, error) {
	var f file
	if err := yaml.UnmarshalWithOptions(text, &f, yaml.DisallowUnknownField()); err != nil {
		return nil, errors.New(yaml.FormatError(err, false, false))
	}
	var faults []error
	ids, sums := map[string]bool{}, map[string]bool{}
	for i := range f.Keys {
		k := &f.Keys[i]
		bad := func(format string, args ...any) {
			faults = append(faults, fmt.Errorf("keys[%d] %q: %w", i, k.ID, fmt.Errorf(format, args...)))
		}
		if k.ID == "" || ids[k.ID] {
			bad("an id is missing or there twice; give each key its own")
		}
		if err := CheckTenant(k.Tenant); err != nil {
			bad("%w", err)
		}
		k.SHA256 = strings.ToLower(k.SHA256)
		if sum, err := hex.DecodeString(k.SHA256); err != nil || len(sum) != sha256.Size {
			bad("sha256: want the 64 hex digits of the key's SHA-256")
		} else if sums[k.SHA256] {
			bad("sha256: there twice: a key can stand for one tenant only")
		}
		ids[k.ID], sums[k.SHA256] = true, true
	}
	return f.Keys, errors.Join(faults...)
}

// CheckTenant says why a name can't be a tenant's.
func CheckTenant(name string) error {
	switch {
	case name == "" || strings.TrimSpace(name) != name:
		return fmt.Errorf("tenant %q: empty, or spaces around it; name the tenant as the reports shall show it", name)
	case len(name) > maxTenant:
		return fmt.Errorf("tenant: %d bytes long; use at most %d", len(name), maxTenant)
	}
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("tenant %q: has an invisible character; use printable ones", name)
		}
	}
	return nil
}

// ring finds keys by their sum. It holds no key.
type ring struct {
	bySum map[uint64][]entry
	size  int
}

type entry struct {
	sum [sha256.Size]byte
	key Key
}

func newRing(keys []Key) *ring {
	r := &ring{bySum: make(map[uint64][]entry, len(keys)), size: len(keys)}
	for _, k := range keys {
		e := entry{key: k}
		_, _ = hex.Decode(e.sum[:], []byte(k.SHA256)) // parse checked it
		at := binary.LittleEndian.Uint64(e.sum[:8])
		r.bySum[at] = append(r.bySum[at], e)
	}
	return r
}

// find looks the secret up. What its time depends on is the secret's sum, not the stored keys' bytes: the sums of one bucket
// are compared in constant time, and a sum tells nothing of the key.
func (r *ring) find(secret string) *Key {
	sum := sha256.Sum256([]byte(secret))
	var found *Key
	bucket := r.bySum[binary.LittleEndian.Uint64(sum[:8])]
	for i := range bucket {
		if subtle.ConstantTimeCompare(sum[:], bucket[i].sum[:]) == 1 {
			found = &bucket[i].key
		}
	}
	return found
}
