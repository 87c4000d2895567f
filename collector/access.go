package collector

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"

	"go.opentelemetry.io/collector/confmap"

	"github.com/tollkeeper/tollkeeper/collector/tenantauth"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// validateAccess checks who may send: keys, certificates.
func (c *Config) validateAccess() (errs []error) {
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Auth.KeysFile != "" {
		if err := c.Auth.Validate(); err != nil {
			bad("auth: %w", err)
		}
	}
	switch {
	case (c.TLS.CertFile == "") != (c.TLS.KeyFile == ""):
		bad("tls: cert_file %q, key_file %q: one without the other; give both", c.TLS.CertFile, c.TLS.KeyFile)
	case c.TLS.CertFile != "":
		if _, err := tls.LoadX509KeyPair(c.TLS.CertFile, c.TLS.KeyFile); err != nil {
			bad("tls: cert_file %s, key_file %s: %w; give a certificate and its key in PEM", c.TLS.CertFile, c.TLS.KeyFile, err)
		}
	}
	if c.TLS.ClientCAFile != "" {
		if _, err := os.Stat(c.TLS.ClientCAFile); err != nil || c.TLS.CertFile == "" {
			bad("tls: client_ca_file %s: wants that file, and cert_file and key_file beside it", c.TLS.ClientCAFile)
		}
	}
	return errs
}

// access adds TLS, the authenticator and the request's headers to a receiver's protocol.
func (c *Config) access(p section) section {
	if c.TLS.CertFile != "" {
		t := section{"cert_file": c.TLS.CertFile, "key_file": c.TLS.KeyFile, "reload_interval": "1h"}
		if c.TLS.ClientCAFile != "" {
			t["client_ca_file"] = c.TLS.ClientCAFile
		}
		p["tls"] = t
	}
	if c.Auth.KeysFile != "" {
		p["auth"] = section{"authenticator": tenantauth.Type.String()}
	}
	if slices.Contains(c.LLMCost.Tenant.Order, "header") {
		p["include_metadata"] = true
	}
	return p
}

// validateAuth refuses to require keys where nothing asks for them.
func (c *Config) validateAuth(conf *confmap.Conf) error {
	for name, on := range map[string]bool{"grpc": c.GRPC != "", "http": c.HTTP != ""} {
		if on && !conf.IsSet("receivers::otlp::protocols::"+name+"::auth::authenticator") {
			tenant := c.LLMCost.Tenant.Default
			if tenant == "" {
				tenant = ledger.Unattributed
			}
			return fmt.Errorf("llmcost.tenant.require_auth: true, but the listener %s asks for no key: every call of it would be booked on %q; "+
				"set auth.keys_file (`tollkeeper keys create`), or require_auth to false", name, tenant)
		}
	}
	return nil
}

// warnOpen says what a listener beyond this machine leaves open.
func (c *Config) warnOpen(log *slog.Logger) {
	conf, err := render(c, c.GRPC, c.HTTP)
	if err != nil {
		return
	}
	for name, addr := range map[string]string{"grpc": c.GRPC, "http": c.HTTP} {
		if addr == "" || onLoopback(addr) {
			continue
		}
		at := "receivers::otlp::protocols::" + name + "::"
		if !conf.IsSet(at + "tls::cert_file") {
			log.Warn("listener beyond this machine without TLS: prompts and API keys can be read on the way; set collector.tls, or put a proxy with TLS before it",
				"key", "collector."+name, "address", addr)
		}
		if !conf.IsSet(at + "auth::authenticator") {
			log.Warn("listener beyond this machine without API keys: whoever reaches it can bill calls to any tenant; set collector.auth.keys_file",
				"key", "collector."+name, "address", addr)
		}
	}
}

func onLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}
