package kafkatest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/tollkeeper/tollkeeper/internal/kafkaclient"
)

// The user that a secured broker knows.
const (
	User     = "tollkeeper"
	Password = "correct-horse-battery-staple"
)

// Secured runs a broker that speaks TLS only, wants a certificate of its clients, and knows one user by the mechanism.
func Secured(t testing.TB, mechanism string) *Broker {
	t.Helper()
	files, server := Certificates(t)
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte(Password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return newBroker(t, kafkaclient.Security{
		TLS:  files,
		SASL: kafkaclient.SASL{Mechanism: mechanism, Username: User, PasswordFile: password},
	}, kfake.TLS(server), kfake.EnableSASL(), kfake.Superuser(mechanism, User, Password))
}

// Certificates makes an authority, a server's certificate for 127.0.0.1 and a client's, both of that authority: the client's files,
// and the server's side that wants them.
func Certificates(t testing.TB) (client kafkaclient.TLS, server *tls.Config) {
	t.Helper()
	dir := t.TempDir()
	ca := issue(t, nil)
	pool := x509.NewCertPool()
	pool.AddCert(ca.Leaf)
	own := issue(t, &ca)
	client = kafkaclient.TLS{
		Enabled: true, CAFile: filepath.Join(dir, "ca.crt"), CertFile: filepath.Join(dir, "client.crt"), KeyFile: filepath.Join(dir, "client.key"),
	}
	key, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{
		client.CAFile:   {Type: "CERTIFICATE", Bytes: ca.Certificate[0]},
		client.CertFile: {Type: "CERTIFICATE", Bytes: own.Certificate[0]},
		client.KeyFile:  {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return client, &tls.Config{
		Certificates: []tls.Certificate{issue(t, &ca)}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12,
	}
}

// issue makes a certificate signed by an authority, or an authority.
func issue(t testing.TB, by *tls.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "test " + serial.String()}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, signer := template, any(key)
	if by == nil {
		template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	} else {
		parent, signer = by.Leaf, by.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}
