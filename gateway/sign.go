package gateway

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// DefaultTolerance is how far a message's timestamp may lie from the receiver's clock.
const DefaultTolerance = 5 * time.Minute

// ErrSignature says that a message is unsigned, signed with an unknown secret, or too old or new.
var ErrSignature = errors.New("signature refused")

// Keys sign and verify messages by Standard Webhooks 1.0.0. With several secrets every one of them signs and any of
// them verifies: to rotate, add the new one at the receiver, then replace the old one at the sender, then remove it.
type Keys struct{ hooks []*standardwebhooks.Webhook }

// NewSecret makes a secret of 32 random bytes in the form whsec_<base64>.
func NewSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return "whsec_" + base64.StdEncoding.EncodeToString(b[:])
}

// NewKeys reads secrets of the form whsec_<base64 of 24 to 64 bytes>. Errors never repeat a secret.
func NewKeys(secrets []string) (Keys, error) {
	if len(secrets) == 0 {
		return Keys{}, errors.New("secrets: none given; make one with: openssl rand -base64 32")
	}
	var k Keys
	for i, s := range secrets {
		raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s, "whsec_"))
		if err != nil || len(raw) < 24 || len(raw) > 64 {
			return Keys{}, fmt.Errorf("secrets[%d]: want whsec_ and the base64 of 24 to 64 bytes, as openssl rand -base64 32 makes", i)
		}
		hook, err := standardwebhooks.NewWebhookRaw(raw)
		if err != nil {
			return Keys{}, fmt.Errorf("secrets[%d]: %w", i, err)
		}
		k.hooks = append(k.hooks, hook)
	}
	return k, nil
}

// Sign sets the three webhook headers for the payload.
func (k Keys) Sign(h http.Header, id string, at time.Time, payload []byte) error {
	signatures := make([]string, len(k.hooks))
	for i, hook := range k.hooks {
		s, err := hook.Sign(id, at, payload)
		if err != nil {
			return fmt.Errorf("sign %s: %w", id, err)
		}
		signatures[i] = s
	}
	h.Set(standardwebhooks.HeaderWebhookID, id)
	h.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	h.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return nil
}

// Bounds of what an unknown sender may make us look at before its signature is known to be good.
const (
	mostSignatures = 4096 // bytes of webhook-signature: some eighty signatures
	mostID         = 256  // bytes of webhook-id
)

// Verify checks signature and timestamp; every failure is ErrSignature. Signatures are compared in constant time.
func (k Keys) Verify(h http.Header, now time.Time, tolerance time.Duration, payload []byte) error {
	if id := h.Get(standardwebhooks.HeaderWebhookID); len(id) > mostID || strings.Contains(id, ".") || len(h.Get(standardwebhooks.HeaderWebhookSignature)) > mostSignatures {
		// A full stop would let parts of what is signed (id.timestamp.payload) be taken for each other.
		return fmt.Errorf("%w: webhook-id or webhook-signature is too long, or the id has a full stop in it", ErrSignature)
	}
	sec, err := strconv.ParseInt(h.Get(standardwebhooks.HeaderWebhookTimestamp), 10, 64)
	if err != nil {
		return fmt.Errorf("%w: webhook-timestamp is not a number of seconds", ErrSignature)
	}
	if d := now.Sub(time.Unix(sec, 0)); d > tolerance || d < -tolerance {
		return fmt.Errorf("%w: webhook-timestamp is %s away from this clock, allowed are %s; check both clocks",
			ErrSignature, d.Round(time.Second), tolerance)
	}
	for _, hook := range k.hooks {
		// The library checks timestamps against the system's clock; ours may be injected and is checked above.
		if err = hook.VerifyIgnoringTimestamp(payload, h); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%w: %w", ErrSignature, err)
}

// StatePayload is what the signature of a state query covers in place of a body: "state:" and the subject as a query
// string with its names in alphabetical order, like state:team=red&tenant=acme.
func StatePayload(s Subject) []byte { return []byte("state:" + s.query()) }
