package kafkaclient

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
)

// Servers are the brokers to start from and what they ask of their clients.
type Servers struct {
	Brokers []string // host:port
	Security
}

// Security is what brokers ask of their clients; nothing by default.
type Security struct {
	TLS  TLS  `yaml:"tls" mapstructure:"tls"`
	SASL SASL `yaml:"sasl" mapstructure:"sasl"`
}

// TLS to the brokers.
type TLS struct {
	Enabled bool `yaml:"enabled" mapstructure:"enabled"`
	// CAFile holds the authorities (PEM) that may have signed the brokers' certificates; empty = the system's.
	CAFile string `yaml:"ca_file" mapstructure:"ca_file"`
	// CertFile and KeyFile (PEM) are the client's own certificate, read again at every connection.
	CertFile string `yaml:"cert_file" mapstructure:"cert_file"`
	KeyFile  string `yaml:"key_file" mapstructure:"key_file"`
	// ServerName is expected in the certificate instead of the broker's address.
	ServerName string `yaml:"server_name" mapstructure:"server_name"`
}

// SASL says who the client is.
type SASL struct {
	// Mechanism is PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; empty = the client says nothing.
	Mechanism string `yaml:"mechanism" mapstructure:"mechanism"`
	Username  string `yaml:"username" mapstructure:"username"`
	Password  Secret `yaml:"password" mapstructure:"password"`
	// PasswordFile holds the password instead; read again at every connection. Spaces and line ends around it don't count.
	PasswordFile string `yaml:"password_file" mapstructure:"password_file"`
}

// The mechanisms that are spoken.
const (
	Plain       = "PLAIN"
	ScramSHA256 = "SCRAM-SHA-256"
	ScramSHA512 = "SCRAM-SHA-512"
)

// IsZero says that nothing is asked of clients.
func (s Security) IsZero() bool { return s == Security{} }

// Validate reports every fault at once, files that can't be read included.
func (s Servers) Validate() error {
	var faults []error
	bad := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	t := s.TLS
	if !t.Enabled && t != (TLS{}) {
		bad("tls: has settings, but enabled is false: no connection would use them; set tls.enabled: true or take them out")
	}
	if (t.CertFile == "") != (t.KeyFile == "") {
		bad("tls: cert_file %q, key_file %q: one without the other; give both", t.CertFile, t.KeyFile)
	}
	if t.Enabled {
		if _, err := t.config(); err != nil {
			bad("tls.%w", err)
		}
	}
	a := s.SASL
	switch a.Mechanism {
	case "":
		if a != (SASL{}) {
			bad("sasl: has settings, but no mechanism; use %s, %s or %s", Plain, ScramSHA256, ScramSHA512)
		}
		return errors.Join(faults...)
	case Plain, ScramSHA256, ScramSHA512:
	default:
		bad("sasl.mechanism: %q is not spoken; use %s, %s or %s", a.Mechanism, Plain, ScramSHA256, ScramSHA512)
	}
	if a.Username == "" {
		bad("sasl.username: empty; name the user that the brokers know")
	}
	if (a.Password == "") == (a.PasswordFile == "") {
		bad("sasl: want either password (as ${env:NAME}) or password_file")
	} else if _, err := a.Secret(); err != nil {
		faults = append(faults, err)
	}
	if a.Mechanism == Plain && !t.Enabled && !s.onLoopback() {
		bad("sasl.mechanism: PLAIN without tls sends the password readable to %v; set tls.enabled: true, or use %s", s.Brokers, ScramSHA512)
	}
	return errors.Join(faults...)
}

func (s Servers) onLoopback() bool {
	for _, b := range s.Brokers {
		host, _, err := net.SplitHostPort(b)
		if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return false
		}
	}
	return true
}

// Secret is the password as it is now.
func (a *SASL) Secret() (string, error) {
	if a.PasswordFile == "" {
		return string(a.Password), nil
	}
	text, err := os.ReadFile(a.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("sasl.password_file: %w", err)
	}
	password := strings.TrimSpace(string(text))
	if password == "" {
		return "", fmt.Errorf("sasl.password_file: %s is empty", a.PasswordFile)
	}
	return password, nil
}

func (t *TLS) config() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CAFile != "" {
		text, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("ca_file: %s holds no certificate in PEM", t.CAFile)
		}
	}
	if t.CertFile != "" && t.KeyFile != "" {
		own := func() (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
			if err != nil {
				return nil, fmt.Errorf("cert_file %s, key_file %s: %w; give a certificate and its key in PEM", t.CertFile, t.KeyFile, err)
			}
			return &pair, nil
		}
		if _, err := own(); err != nil {
			return nil, err
		}
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own() }
	}
	return c, nil
}
