package collector

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/tollkeeper/tollkeeper/collector/llmcost"
	"github.com/tollkeeper/tollkeeper/collector/tenantauth"
	"github.com/tollkeeper/tollkeeper/internal/testkit/kafkatest"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// certificate writes a self-signed certificate for 127.0.0.1 and returns its files and a pool that trusts it.
func certificate(t *testing.T) (TLS, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	dir := t.TempDir()
	files := TLS{CertFile: filepath.Join(dir, "tls.crt"), KeyFile: filepath.Join(dir, "tls.key")}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	require.NoError(t, os.WriteFile(files.CertFile, cert, 0o600))
	require.NoError(t, os.WriteFile(files.KeyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(cert))
	return files, pool
}

type send func(ctx context.Context, td ptrace.Traces, headers map[string]string) error

// senders speak both protocols over TLS, with headers.
func (r *running) senders(t *testing.T, pool *x509.CertPool, own ...tls.Certificate) map[string]send {
	t.Helper()
	config := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12, Certificates: own}
	conn, err := grpc.NewClient(r.GRPCAddr(), grpc.WithTransportCredentials(credentials.NewTLS(config)))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: config}}
	t.Cleanup(web.CloseIdleConnections)
	return map[string]send{
		"grpc": func(ctx context.Context, td ptrace.Traces, headers map[string]string) error {
			_, err := ptraceotlp.NewGRPCClient(conn).Export(metadata.NewOutgoingContext(ctx, metadata.New(headers)), ptraceotlp.NewExportRequestFromTraces(td))
			return err
		},
		"http": func(ctx context.Context, td ptrace.Traces, headers map[string]string) error {
			body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
			if err != nil {
				return err
			}
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+r.HTTPAddr()+"/v1/traces", bytes.NewReader(body))
			if err != nil {
				return err
			}
			req.Header.Set("Content-Type", "application/x-protobuf")
			for k, v := range headers {
				req.Header.Set(k, v)
			}
			resp, err := web.Do(req)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				return httpError{code: resp.StatusCode}
			}
			return nil
		},
	}
}

// Nobody becomes a tenant by writing it somewhere: not in a header, baggage, attribute of a resource or span, or what a gateway
// would write (DESIGN law 8). Over both protocols, with TLS; a revoked key ends at the next reload.
func TestNobodyBecomesATenantByClaimingIt(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "keys.yaml")
	secret, _, err := tenantauth.Create(keys, tenantauth.Key{Tenant: "mallory"})
	require.NoError(t, err)
	gone, revoked, err := tenantauth.Create(keys, tenantauth.Key{Tenant: "old"})
	require.NoError(t, err)
	gateway, _, err := tenantauth.Create(keys, tenantauth.Key{Tenant: "gateway", Claims: true})
	require.NoError(t, err)
	files, pool := certificate(t)
	var log bytes.Buffer
	broker := kafkatest.New(t)
	c := start(t, broker.Brokers, func(cfg *Config) {
		cfg.Auth.KeysFile, cfg.Auth.Reload, cfg.TLS = keys, 100*time.Millisecond, files
		cfg.LLMCost.Tenant.RequireAuth = true
		cfg.LLMCost.Tenant.Order = []string{"header", "mapping", "span", "resource"}
		cfg.LLMCost.Tenant.Mapping = []llmcost.Mapping{{Attribute: "metadata.user_api_key_team_id", Tenants: map[string]string{"t7": "team-seven"}}}
		cfg.warnOpen(slog.New(slog.NewTextHandler(&log, nil)))
	})
	require.Empty(t, log.String(), "loopback needs no warning")
	claim := func(team bool) ptrace.Traces {
		td := testTraces(t, 1, 1)
		a := td.ResourceSpans().At(0).Resource().Attributes()
		for _, k := range []string{"tenant.id", "tenant", "TENANT.ID", "tenant.id\u200b", "tollkeeper.tenant", "tollkeeper.tenant_source", "baggage"} {
			a.PutStr(k, "acme")
		}
		for span := range spansOf(td) {
			if team {
				span.Attributes().PutStr("metadata.user_api_key_team_id", "t7")
			}
			span.Attributes().PutStr("tenant.id", "acme")
			span.Attributes().PutStr("tollkeeper.tenant", "acme")
			span.Attributes().PutStr("litellm.metadata.tenant", "acme")
			span.TraceState().FromRaw("tenant=acme")
		}
		return td
	}
	claims := map[string]string{"x-tenant-id": "acme", "X-Scope-OrgID": "acme", "baggage": "tenant.id=acme", "tenant": "acme"}
	with := func(auth string) map[string]string {
		h := map[string]string{"authorization": auth}
		for k, v := range claims {
			h[k] = v
		}
		return h
	}
	for protocol, send := range c.senders(t, pool) {
		t.Run(protocol, func(t *testing.T) {
			for name, auth := range map[string]string{"none": "", "wrong": "Bearer tk_00000000_x", "cut": "Bearer " + secret[:len(secret)-1],
				"another case": "Bearer " + string(bytes.ToUpper([]byte(secret))), "two": "Bearer " + secret + ", Bearer " + gateway} {
				err := send(t.Context(), claim(false), with(auth))
				require.Error(t, err, name)
				if protocol == "grpc" {
					require.Equal(t, codes.Unauthenticated, status.Code(err), name)
				} else {
					require.Equal(t, http.StatusUnauthorized, err.(httpError).code, name)
				}
				require.NotContains(t, err.Error(), secret)
			}
			require.NoError(t, send(t.Context(), claim(true), with("Bearer "+secret)))
			require.NoError(t, send(t.Context(), claim(true), with(gateway)), "the gateway's header counts")
			require.NoError(t, send(t.Context(), claim(true), map[string]string{"x-api-key": gateway}), "and its mapping")
		})
	}
	got := map[string]int{}
	for _, call := range calls(t, broker) {
		got[call.Tenant+" "+call.TenantSource]++
	}
	require.Equal(t, map[string]int{
		"mallory " + ledger.TenantFromAuth: 2, "acme " + ledger.TenantFromHeader: 2, "team-seven " + ledger.TenantFromMapping: 2,
	}, got)

	send := c.senders(t, pool)["grpc"]
	require.NoError(t, send(t.Context(), claim(false), with("Bearer "+gone)))
	_, err = tenantauth.Revoke(keys, revoked.ID, time.Now())
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		return status.Code(send(t.Context(), claim(false), with("Bearer "+gone))) == codes.Unauthenticated
	},
		30*time.Second, 50*time.Millisecond)
	require.Positive(t, c.metric(t, "tollkeeper_tenantauth_requests_total"))
}

// A listener beyond this machine is warned about, once for what can be read and once for who can write.
func TestOpenListenersAreWarnedAbout(t *testing.T) {
	var log bytes.Buffer
	cfg := DefaultConfig()
	cfg.GRPC = "0.0.0.0:4317"
	cfg.warnOpen(slog.New(slog.NewTextHandler(&log, nil)))
	require.Equal(t, 2, bytes.Count(log.Bytes(), []byte("level=WARN")), log.String())
	require.Contains(t, log.String(), "key=collector.grpc")
	log.Reset()
	files, _ := certificate(t)
	cfg.TLS, cfg.Auth.KeysFile = files, filepath.Join(t.TempDir(), "keys.yaml")
	_, _, err := tenantauth.Create(cfg.Auth.KeysFile, tenantauth.Key{Tenant: "acme"})
	require.NoError(t, err)
	require.NoError(t, cfg.Validate())
	cfg.warnOpen(slog.New(slog.NewTextHandler(&log, nil)))
	require.Empty(t, log.String())
	cfg.TLS.KeyFile = ""
	require.ErrorContains(t, cfg.Validate(), "one without the other")
}

// With client_ca_file a client must show a certificate of that authority: none, or one of another, doesn't get as far as a key.
func TestClientsMustShowACertificate(t *testing.T) {
	client, server := kafkatest.Certificates(t)
	stranger, _ := kafkatest.Certificates(t)
	dir := t.TempDir()
	files := TLS{CertFile: filepath.Join(dir, "tls.crt"), KeyFile: filepath.Join(dir, "tls.key"), ClientCAFile: client.CAFile}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(server.Certificates[0].PrivateKey)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(files.KeyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
	require.NoError(t, os.WriteFile(files.CertFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificates[0].Certificate[0]}), 0o600))
	authority, err := os.ReadFile(client.CAFile)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(authority))
	broker := kafkatest.New(t)
	c := start(t, broker.Brokers, func(cfg *Config) { keepNone(cfg); cfg.TLS = files })

	known, err := tls.LoadX509KeyPair(client.CertFile, client.KeyFile)
	require.NoError(t, err)
	unknown, err := tls.LoadX509KeyPair(stranger.CertFile, stranger.KeyFile)
	require.NoError(t, err)
	for protocol, send := range c.senders(t, pool, known) {
		require.NoError(t, send(t.Context(), testTraces(t, 1, 1), nil), protocol)
	}
	for _, own := range [][]tls.Certificate{nil, {unknown}} {
		for protocol, send := range c.senders(t, pool, own...) {
			require.Error(t, send(t.Context(), testTraces(t, 1, 1), nil), protocol)
		}
	}
	require.Len(t, calls(t, broker), 2)
}
