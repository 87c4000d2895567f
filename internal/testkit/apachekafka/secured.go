package apachekafka

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/tollkeeper/tollkeeper/internal/kafkaclient"
	"github.com/tollkeeper/tollkeeper/internal/testkit/kafkatest"
)

// secured says how clients reach a broker that asks for more than an address. Nil asks for nothing.
type secured struct {
	security kafkaclient.Security
	keystore string // PEM
}

// securedSettings are what a server.properties says of it.
type securedSettings struct{ listener, lines string }

// Secured runs one broker that speaks TLS to its clients, wants their certificate, and knows kafkatest.User by every mechanism.
func Secured(t testing.TB, mechanism string) *Cluster {
	t.Helper()
	files, server := kafkatest.Certificates(t)
	s := &secured{keystore: filepath.Join(t.TempDir(), "server.pem")}
	s.security = kafkaclient.Security{TLS: files, SASL: kafkaclient.SASL{Mechanism: mechanism, Username: kafkatest.User, Password: kafkatest.Password}}
	if err := os.WriteFile(s.keystore, pemOf(t, server.Certificates[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	return start(t, 1, s)
}

func pemOf(t testing.TB, c tls.Certificate) []byte {
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Join([][]byte{
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}),
	}, nil)
}

// offset is where the ports are at which clients are listened for.
func (s *secured) offset(brokers int) int {
	if s == nil {
		return 0
	}
	return 2 * brokers
}

func (s *secured) asked() kafkaclient.Security {
	if s == nil {
		return kafkaclient.Security{}
	}
	return s.security
}

// format makes the user, for mechanisms that keep it in the log.
func (s *secured) format() (args []string) {
	if s == nil {
		return nil
	}
	for _, m := range []string{kafkaclient.ScramSHA256, kafkaclient.ScramSHA512} {
		args = append(args, "--add-scram", fmt.Sprintf("%s=[name=%s,password=%s]", m, kafkatest.User, kafkatest.Password))
	}
	return args
}

func (s *secured) settings(port int) securedSettings {
	if s == nil {
		return securedSettings{}
	}
	const module = "listener.name.sasl_ssl.%s.sasl.jaas.config=org.apache.kafka.common.security.%s required"
	lines := "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512\nlistener.name.sasl_ssl.ssl.client.auth=required\n" +
		"ssl.keystore.type=PEM\nssl.keystore.location=" + s.keystore + "\nssl.truststore.type=PEM\nssl.truststore.location=" + s.security.TLS.CAFile + "\n" +
		fmt.Sprintf(module+";\n", "scram-sha-256", "scram.ScramLoginModule") +
		fmt.Sprintf(module+";\n", "scram-sha-512", "scram.ScramLoginModule") +
		fmt.Sprintf(module+" user_%s=\"%s\";\n", "plain", "plain.PlainLoginModule", kafkatest.User, kafkatest.Password)
	return securedSettings{fmt.Sprintf(",SASL_SSL://127.0.0.1:%d", port), lines}
}
