package tenantauth

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func keysFile(t *testing.T, keys ...Key) (path string, secrets []string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "keys.yaml")
	for _, k := range keys {
		secret, _, err := Create(path, k)
		require.NoError(t, err)
		secrets = append(secrets, secret)
	}
	return path, secrets
}

func TestFactory(t *testing.T) {
	f := NewFactory()
	require.NoError(t, componenttest.CheckConfigStruct(f.CreateDefaultConfig()))
	cfg := f.CreateDefaultConfig().(*Config)
	require.NoError(t, confmap.NewFromStringMap(map[string]any{"keys_file": "k", "required": false, "headers": []any{"x"}, "reload": "1s"}).Unmarshal(cfg))
	require.Equal(t, &Config{KeysFile: "k", Headers: []string{"x"}, Reload: time.Second}, cfg)
	cfg.KeysFile, _ = keysFile(t, Key{Tenant: "acme"})
	require.NoError(t, cfg.Validate())
	set := extensiontest.NewNopSettings(Type)
	e, err := f.Create(t.Context(), set, cfg)
	require.NoError(t, err)
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, e.Shutdown(t.Context()))
	e, err = f.Create(t.Context(), set, cfg)
	require.NoError(t, err)
	require.NoError(t, e.Shutdown(t.Context()), "a component that never started can be stopped")
}

func TestConfigFaultsAreToldAtOnce(t *testing.T) {
	err := (&Config{Headers: []string{"a b"}}).Validate()
	for _, want := range []string{"keys_file: none", `"a b" is no name`, "reload: 0s"} {
		require.ErrorContains(t, err, want)
	}
	path := filepath.Join(t.TempDir(), "keys.yaml")
	require.NoError(t, os.WriteFile(path, []byte("keys:\n- {id: a, tenant: ' x', sha256: zz}\n- {id: a, tenant: \"y\\u200b\", sha256: ''}\n"), 0o600))
	_, err = Read(path)
	for _, want := range []string{`keys[0] "a": tenant " x"`, "64 hex digits", `keys[1] "a": an id is missing or there twice`, "invisible"} {
		require.ErrorContains(t, err, want)
	}
}

func tenantOf(t *testing.T, a *authenticator, headers map[string][]string) (any, error) {
	t.Helper()
	ctx, err := a.Authenticate(t.Context(), headers)
	if auth := client.FromContext(ctx).Auth; auth != nil {
		return auth.GetAttribute(AttrTenant), err
	}
	return nil, err
}

func TestAuthenticate(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	path, s := keysFile(t, Key{Tenant: "acme"}, Key{Tenant: "globex", Claims: true}, Key{Tenant: "old", Expires: now})
	for name, c := range map[string]struct {
		anonymous bool
		headers   map[string][]string
		tenant    any
		err       string
	}{
		"bearer":                   {false, map[string][]string{"authorization": {"Bearer " + s[0]}}, "acme", ""},
		"HTTP's names":             {false, map[string][]string{"Authorization": {"bearer  " + s[1]}}, "globex", ""},
		"plain":                    {false, map[string][]string{"X-Api-Key": {s[0]}}, "acme", ""},
		"one key twice":            {false, map[string][]string{"X-Api-Key": {s[0]}, "authorization": {"Bearer " + s[0]}}, "acme", ""},
		"none":                     {false, nil, nil, "no API key"},
		"none, not required":       {true, nil, nil, ""},
		"wrong, though none is ok": {true, map[string][]string{"x-api-key": {"tk_x"}}, nil, "not valid"},
		"two":                      {true, map[string][]string{"x-api-key": {s[0], s[1]}}, nil, "several"},
		"two headers":              {true, map[string][]string{"x-api-key": {s[0]}, "authorization": {"Bearer " + s[1]}}, nil, "several"},
		"another case":             {true, map[string][]string{"x-api-key": {strings.ToUpper(s[0])}}, nil, "not valid"},
		"longer":                   {true, map[string][]string{"x-api-key": {s[0] + "x"}}, nil, "not valid"},
		"expired":                  {true, map[string][]string{"x-api-key": {s[2]}}, nil, "not valid"},
		"the stored sum":           {true, map[string][]string{"x-api-key": {sumOf(t, path)}}, nil, "not valid"},
		"Basic":                    {false, map[string][]string{"authorization": {"Basic " + s[0]}}, nil, "not valid"},
	} {
		t.Run(name, func(t *testing.T) {
			core, logged := observer.New(zap.DebugLevel)
			set := extensiontest.NewNopSettings(Type)
			set.Logger = zap.New(core)
			a, err := newAuthenticator(set, &Config{KeysFile: path, Required: !c.anonymous, Headers: DefaultConfig().Headers, Reload: time.Hour},
				func() time.Time { return now })
			require.NoError(t, err)
			require.NoError(t, a.Start(t.Context(), componenttest.NewNopHost()))
			defer func() { require.NoError(t, a.Shutdown(context.Background())) }()
			tenant, err := tenantOf(t, a, c.headers)
			require.Equal(t, c.tenant, tenant)
			if c.err == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.err)
			}
			for _, secret := range s {
				for _, l := range logged.All() {
					require.NotContains(t, l.Message, secret)
				}
			}
		})
	}
}

func sumOf(t *testing.T, path string) string {
	keys, err := Read(path)
	require.NoError(t, err)
	return keys[0].SHA256
}

// A file that is wrong or gone keeps the keys; a good one is taken.
func TestReload(t *testing.T) {
	path, s := keysFile(t, Key{Tenant: "acme"})
	a, err := newAuthenticator(extensiontest.NewNopSettings(Type), &Config{KeysFile: path, Headers: []string{"x"}, Reload: time.Millisecond}, time.Now)
	require.NoError(t, err)
	require.NoError(t, a.Start(t.Context(), componenttest.NewNopHost()))
	defer func() { require.NoError(t, a.Shutdown(context.Background())) }()
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, replace(path, []byte("keys: [{id: a}]")))
	added, _ := Generate(Key{Tenant: "new"})
	_, err = tenantOf(t, a, map[string][]string{"x": {added}})
	require.Error(t, err)
	require.NoError(t, os.Remove(path))
	tenant, err := tenantOf(t, a, map[string][]string{"x": {s[0]}})
	require.NoError(t, err)
	require.Equal(t, "acme", tenant)

	require.NoError(t, replace(path, good))
	later, _, err := Create(path, Key{Tenant: "later"})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		tenant, err := tenantOf(t, a, map[string][]string{"x": {later}})
		return err == nil && tenant == "later"
	}, 30*time.Second, time.Millisecond)
}

func TestStartNeedsTheFile(t *testing.T) {
	a, err := newAuthenticator(extensiontest.NewNopSettings(Type), &Config{KeysFile: filepath.Join(t.TempDir(), "none")}, time.Now)
	require.NoError(t, err)
	require.ErrorContains(t, a.Start(t.Context(), componenttest.NewNopHost()), "read the keys file")
	require.NoError(t, a.Shutdown(t.Context()))
}

func TestFile(t *testing.T) {
	path, s := keysFile(t, Key{Tenant: "acme", Author: "dana"}, Key{Tenant: "globex"})
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, secret := range s {
		require.NotContains(t, string(text), strings.SplitN(secret, "_", 3)[2], "the key itself is nowhere")
	}
	keys, err := Read(path)
	require.NoError(t, err)
	require.Len(t, keys, 2)
	at := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	_, err = Revoke(path, keys[0].ID, at)
	require.NoError(t, err)
	_, err = Revoke(path, keys[0].ID, at)
	require.ErrorContains(t, err, "revoked already")
	_, err = Revoke(path, "nope", at)
	require.ErrorContains(t, err, `key "nope": not in`)
	keys, err = Read(path)
	require.NoError(t, err)
	require.Equal(t, []string{"revoked", "valid"}, []string{keys[0].State(at), keys[1].State(at)})
	require.NoError(t, os.WriteFile(path+".lock", nil, 0o600))
	_, _, err = Create(path, Key{Tenant: "x"})
	require.ErrorContains(t, err, "lock the keys file")
	_, _, err = Create(filepath.Join(t.TempDir(), "nowhere", "keys.yaml"), Key{Tenant: "x"})
	require.ErrorContains(t, err, "its folder has to be there")
	_, _, err = Create(path, Key{Tenant: ""})
	require.ErrorContains(t, err, "empty")
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("keys: [{id: a, tenant: b, sha256: 00}]"))
	f.Fuzz(func(_ *testing.T, text []byte) { _, _ = parse(text) })
}
