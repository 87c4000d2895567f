package kafkaclient_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/tollkeeper/tollkeeper/internal/kafkaclient"
	"github.com/tollkeeper/tollkeeper/internal/testkit/kafkatest"
	"github.com/tollkeeper/tollkeeper/ledger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var mechanisms = []string{kafkaclient.Plain, kafkaclient.ScramSHA256, kafkaclient.ScramSHA512}

// tries asks the broker something with each of our clients, and gives what each was told.
func tries(t *testing.T, s kafkaclient.Servers) map[string]error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	out := map[string]error{}
	opts, err := s.Options()
	require.NoError(t, err)
	client, err := kgo.NewClient(append(opts, kgo.RequestRetries(0))...)
	require.NoError(t, err)
	defer client.Close()
	out["franz-go"] = client.Ping(ctx)

	transport := &kafka.Transport{}
	require.NoError(t, s.Secure(transport))
	defer transport.CloseIdleConnections()
	_, out["kafka-go transport"] = (&kafka.Client{Addr: kafka.TCP(s.Brokers...), Transport: transport}).Metadata(ctx, &kafka.MetadataRequest{})

	dialer, err := s.Dialer()
	require.NoError(t, err)
	conn, err := dialer.DialContext(ctx, "tcp", s.Brokers[0])
	if err == nil {
		_, err = conn.ReadPartitions(ledger.TopicCalls)
		_ = conn.Close()
	}
	out["kafka-go dialer"] = err
	return out
}

// Every client of ours gets in with the right password and certificate, by every mechanism, and none without.
func TestEveryClientGetsInByEveryMechanism(t *testing.T) {
	for _, m := range mechanisms {
		t.Run(m, func(t *testing.T) {
			b := kafkatest.Secured(t, m)
			require.NoError(t, b.Servers.Validate())
			for client, err := range tries(t, b.Servers) {
				require.NoError(t, err, client)
			}
			for name, spoil := range map[string]func(*kafkaclient.Servers){
				"wrong password":      func(s *kafkaclient.Servers) { s.SASL.PasswordFile, s.SASL.Password = "", "wrong secret" },
				"unknown user":        func(s *kafkaclient.Servers) { s.SASL.Username = "mallory" },
				"no user":             func(s *kafkaclient.Servers) { s.SASL = kafkaclient.SASL{} },
				"no TLS":              func(s *kafkaclient.Servers) { s.TLS = kafkaclient.TLS{} },
				"no certificate":      func(s *kafkaclient.Servers) { s.TLS.CertFile, s.TLS.KeyFile = "", "" },
				"an unknown server":   func(s *kafkaclient.Servers) { s.TLS.CAFile = "" },
				"another server name": func(s *kafkaclient.Servers) { s.TLS.ServerName = "kafka.example" },
			} {
				s := b.Servers
				spoil(&s)
				for client, err := range tries(t, s) {
					require.Error(t, err, "%s: %s", client, name)
					require.NotContains(t, err.Error(), "secret")
				}
			}
		})
	}
}

// A new password in the file is taken at the next connection.
func TestPasswordFileIsReadAgain(t *testing.T) {
	b := kafkatest.Secured(t, kafkaclient.ScramSHA512)
	path := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(path, []byte("the old one"), 0o600))
	s := b.Servers
	s.SASL.PasswordFile = path
	opts, err := s.Options()
	require.NoError(t, err)
	client, err := kgo.NewClient(append(opts, kgo.RequestRetries(0))...)
	require.NoError(t, err)
	defer client.Close()
	require.Error(t, client.Ping(t.Context()))
	require.NoError(t, os.WriteFile(path, []byte(kafkatest.Password), 0o600))
	require.NoError(t, client.Ping(t.Context()))
}

func TestFaultsAreToldAtOnceAndWithoutSecrets(t *testing.T) {
	files, _ := kafkatest.Certificates(t)
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, []byte("\n"), 0o600))
	const secret = "hunter2"
	sasl := func(change func(*kafkaclient.SASL)) kafkaclient.Security {
		s := kafkaclient.Security{TLS: kafkaclient.TLS{Enabled: true}, SASL: kafkaclient.SASL{Mechanism: kafkaclient.ScramSHA256, Username: "u", Password: secret}}
		change(&s.SASL)
		return s
	}
	for want, s := range map[string]kafkaclient.Security{
		"tls: has settings, but enabled is false": {TLS: kafkaclient.TLS{CAFile: files.CAFile}},
		"one without the other":                   {TLS: kafkaclient.TLS{Enabled: true, CertFile: files.CertFile}},
		"tls.ca_file: open /nowhere":              {TLS: kafkaclient.TLS{Enabled: true, CAFile: "/nowhere"}},
		"holds no certificate in PEM":             {TLS: kafkaclient.TLS{Enabled: true, CAFile: files.KeyFile}},
		"give a certificate and its key":          {TLS: kafkaclient.TLS{Enabled: true, CertFile: files.CertFile, KeyFile: files.CertFile}},
		"sasl: has settings, but no mechanism":    sasl(func(a *kafkaclient.SASL) { a.Mechanism = "" }),
		`"GSSAPI" is not spoken`:                  sasl(func(a *kafkaclient.SASL) { a.Mechanism = "GSSAPI" }),
		"sasl.username: empty":                    sasl(func(a *kafkaclient.SASL) { a.Username = "" }),
		"either password":                         sasl(func(a *kafkaclient.SASL) { a.PasswordFile = empty }),
		"want either password ":                   sasl(func(a *kafkaclient.SASL) { a.Password = "" }),
		"sasl.password_file: open /nowhere":       sasl(func(a *kafkaclient.SASL) { a.Password, a.PasswordFile = "", "/nowhere" }),
		"is empty":                                sasl(func(a *kafkaclient.SASL) { a.Password, a.PasswordFile = "", empty }),
		"PLAIN without tls":                       {SASL: kafkaclient.SASL{Mechanism: kafkaclient.Plain, Username: "u", Password: secret}},
	} {
		err := kafkaclient.Servers{Brokers: []string{"kafka-1:9092"}, Security: s}.Validate()
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), secret)
	}
	s := sasl(func(*kafkaclient.SASL) {})
	require.NoError(t, kafkaclient.Servers{Brokers: []string{"kafka-1:9092"}, Security: s}.Validate())
	text, err := yaml.Marshal(s)
	require.NoError(t, err)
	for _, printed := range []string{string(text), fmt.Sprintf("%v %+v %#v", s, s, s)} {
		require.False(t, strings.Contains(printed, secret), printed)
	}
	local := kafkaclient.Security{SASL: kafkaclient.SASL{Mechanism: kafkaclient.Plain, Username: "u", Password: secret}}
	require.NoError(t, kafkaclient.Servers{Brokers: []string{"localhost:9092", "127.0.0.1:9093"}, Security: local}.Validate())
}
