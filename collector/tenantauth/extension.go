package tenantauth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensionauth"
	"go.uber.org/zap"

	"github.com/tollkeeper/tollkeeper/collector/tenantauth/internal/metadata"
	"github.com/tollkeeper/tollkeeper/internal/textfile"
)

// Attributes of an authenticated client.
const (
	AttrTenant = "tenant" // the key's tenant
	AttrClaims = "claims" // true: the sender may name other tenants
	AttrKeyID  = "key_id"
)

// Type is the name of the extension in a collector's configuration.
var Type = metadata.Type

// NewFactory returns the extension's factory.
func NewFactory() extension.Factory {
	return extension.NewFactory(Type, func() component.Config { return DefaultConfig() },
		func(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
			return newAuthenticator(set, cfg.(*Config), time.Now)
		}, metadata.ExtensionStability)
}

type authenticator struct {
	cfg     *Config
	log     *zap.Logger
	metrics metrics
	now     func() time.Time
	ring    atomic.Pointer[ring]
	text    []byte // of the file last read; only start and the reloading goroutine use it

	cancel context.CancelFunc
	done   sync.WaitGroup
}

var _ extensionauth.Server = (*authenticator)(nil)

func newAuthenticator(set extension.Settings, cfg *Config, now func() time.Time) (*authenticator, error) {
	a := &authenticator{cfg: cfg, log: set.Logger, now: now}
	a.ring.Store(newRing(nil))
	var err error
	a.metrics, err = newMetrics(set.TelemetrySettings, func() int64 { return int64(a.ring.Load().size) })
	return a, err
}

// Start reads the keys; without a readable file the collector doesn't start, since it could tell nobody.
func (a *authenticator) Start(ctx context.Context, _ component.Host) error {
	if _, err := a.look(); err != nil {
		return err
	}
	ctx, a.cancel = context.WithCancel(context.WithoutCancel(ctx))
	a.done.Go(func() { a.watch(ctx) })
	return nil
}

// Shutdown ends the reloading.
func (a *authenticator) Shutdown(context.Context) error {
	if a.cancel != nil {
		a.cancel()
	}
	a.done.Wait()
	a.metrics.Shutdown()
	return nil
}

func (a *authenticator) watch(ctx context.Context) {
	tick := time.NewTicker(a.cfg.Reload)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		changed, err := a.look()
		switch {
		case err != nil:
			a.metrics.reload(ctx, "refused")
			a.log.Error("keys file was not taken: the keys are as before, revoked ones since then included", zap.Error(err))
		case changed:
			a.metrics.reload(ctx, "taken")
			a.log.Info("keys file taken", zap.Int("keys", a.ring.Load().size))
		}
	}
}

// look takes the file if its content changed.
func (a *authenticator) look() (changed bool, err error) {
	text, err := textfile.Read(a.cfg.KeysFile)
	if err != nil {
		return false, fmt.Errorf("tenantauth: read the keys file: %w", err)
	}
	if a.text != nil && bytes.Equal(text, a.text) {
		return false, nil
	}
	keys, err := parse(text)
	if err != nil {
		return false, fmt.Errorf("tenantauth: keys file %s: %w", a.cfg.KeysFile, err)
	}
	a.ring.Store(newRing(keys))
	a.text = text
	return true, nil
}

// Authenticate implements extensionauth.Server. What a sender is told doesn't say whether a key was ever known.
func (a *authenticator) Authenticate(ctx context.Context, sources map[string][]string) (context.Context, error) {
	secret, several := a.secret(sources)
	if several {
		a.metrics.request(ctx, "ambiguous")
		return ctx, refuse("several API keys in one request: send one")
	}
	if secret == "" {
		if a.cfg.Required {
			a.metrics.request(ctx, "missing")
			return ctx, refuse("no API key: send the header authorization: Bearer KEY")
		}
		a.metrics.request(ctx, "anonymous")
		return ctx, nil
	}
	key := a.ring.Load().find(secret)
	if key == nil {
		a.metrics.request(ctx, "unknown")
		return ctx, refuse("the API key is not valid")
	}
	if state := key.State(a.now()); state != "valid" {
		a.metrics.request(ctx, state)
		return ctx, refuse("the API key is not valid")
	}
	a.metrics.request(ctx, "accepted")
	info := client.FromContext(ctx)
	info.Auth = identity{key}
	return client.NewContext(ctx, info), nil
}

// refuse is Unauthenticated over gRPC and 401 over HTTP; the Collector's servers see to that.
func refuse(why string) error { return errors.New(why) }

// secret is the one key of the request. Names of headers differ in case between gRPC and HTTP, and may between proxies.
func (a *authenticator) secret(sources map[string][]string) (secret string, several bool) {
	for name, values := range sources {
		for _, h := range a.cfg.Headers {
			if !strings.EqualFold(name, h) {
				continue
			}
			for _, v := range values {
				v = strings.TrimSpace(v)
				if scheme, rest, ok := strings.Cut(v, " "); ok && strings.EqualFold(scheme, "Bearer") {
					v = strings.TrimSpace(rest)
				}
				switch {
				case v == "" || v == secret:
				case secret != "":
					return "", true
				default:
					secret = v
				}
			}
		}
	}
	return secret, false
}

// identity is the authenticated client as components see it.
type identity struct{ key *Key }

// GetAttribute implements client.AuthData.
func (i identity) GetAttribute(name string) any {
	switch name {
	case AttrTenant:
		return i.key.Tenant
	case AttrClaims:
		return i.key.Claims
	case AttrKeyID:
		return i.key.ID
	}
	return nil
}

// GetAttributeNames implements client.AuthData.
func (identity) GetAttributeNames() []string { return []string{AttrTenant, AttrClaims, AttrKeyID} }
