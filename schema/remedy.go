package schema

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Remedy says what to do when the server refuses every statement of this program alike, by the code of its exception (the header
// X-ClickHouse-Exception-Code); empty for a code that is about one statement.
func (t Target) Remedy(code string) string {
	_, tenant := ledger.UserTenant(t.User)
	switch code {
	case "192", "193", "194", "516": // UNKNOWN_USER, WRONG_PASSWORD, REQUIRED_PASSWORD, AUTHENTICATION_FAILED
		if tenant {
			return fmt.Sprintf("user %q is a tenant's: `tollkeeper dashboards isolate` makes it on a server, with the tenant_secret that is configured now", t.User)
		}
		return fmt.Sprintf("correct user and password in clickhouse.url (or TOLLKEEPER_CLICKHOUSE_URL; it says user %q), or make that user on the server", t.User)
	case "497": // ACCESS_DENIED
		if tenant {
			return "run `tollkeeper dashboards isolate` again: it grants a tenant's user what this program reads"
		}
		return fmt.Sprintf("grant that to user %q on the server, or name another user in clickhouse.url", t.User)
	case "243": // NOT_ENOUGH_SPACE
		return fmt.Sprintf("the disk of the database at %s is full: free space there (`tollkeeper storage report` says what lies where)", t.Host)
	case "60", "81": // UNKNOWN_TABLE, UNKNOWN_DATABASE
		if tenant {
			return "run `tollkeeper dashboards isolate` again: it makes what tenants may read"
		}
		return fmt.Sprintf("`tollkeeper schema apply` makes database %q and its tables; or correct the database in clickhouse.url", t.Database)
	}
	return ""
}

// Unreachable adds to an error of the connection what to do about it.
func (t Target) Unreachable(err error) error {
	var dial *net.OpError
	var certificate *tls.CertificateVerificationError
	var notTLS tls.RecordHeaderError
	switch {
	case errors.As(err, &certificate):
		return fmt.Errorf("%w; clickhouse.url says https://%s: trust its certificate's authority (SSL_CERT_FILE names a file of them), or name the host that the certificate is for", err, t.Host)
	case errors.As(err, &dial) && dial.Op == "dial":
		return fmt.Errorf("%w; start the ClickHouse server at %s, or correct clickhouse.url", err, t.Host)
	case errors.As(err, &notTLS):
		return fmt.Errorf("%w; clickhouse.url says https, and %s speaks none: write http://, or the port for https (8443)", err, t.Host)
	}
	return err
}

// advised adds the remedy to errors that are not about one statement, in one place for all who read and write here.
type advised struct {
	target Target
	next   *http.Transport
}

// CloseIdleConnections is what a closed connection pool calls.
func (a advised) CloseIdleConnections() { a.next.CloseIdleConnections() }

// mostRefusal bounds what is read of a refusal, in bytes.
const mostRefusal = 4 << 10

// RoundTrip implements http.RoundTripper.
func (a advised) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := a.next.RoundTrip(req)
	if err != nil {
		return nil, a.target.Unreachable(err)
	}
	if res.StatusCode == http.StatusOK {
		return res, nil
	}
	remedy := a.target.Remedy(res.Header.Get(exceptionCode))
	if !isClickHouse(res.Header) {
		remedy = fmt.Sprintf("what answers at %s is not ClickHouse's HTTP interface, or a proxy before it: correct clickhouse.url (ports are 8123, with https 8443)", a.target.Host)
	}
	if remedy == "" {
		return res, nil
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, mostRefusal))
	if err != nil {
		return nil, fmt.Errorf("read the refusal of %s (%s): %w", a.target.Host, res.Status, err)
	}
	return nil, &Refusal{Status: res.Status, Code: res.Header.Get(exceptionCode), Text: strings.TrimSpace(string(text)), Remedy: remedy}
}

// exceptionCode is the header that has the number of a server's exception.
const exceptionCode = "X-ClickHouse-Exception-Code"

func isClickHouse(h http.Header) bool {
	for name := range h {
		if strings.HasPrefix(name, "X-Clickhouse-") {
			return true
		}
	}
	return false
}

// Refusal is a server's answer that is not about one statement, with what to do about it.
type Refusal struct {
	Status, Code, Text string // as the server said them; Code is empty where no ClickHouse answered
	Remedy             string
}

// Error implements error.
func (r *Refusal) Error() string {
	if r.Code == "" {
		return fmt.Sprintf("HTTP %s %.200q; %s", r.Status, r.Text, r.Remedy)
	}
	return fmt.Sprintf("HTTP %s: %s; %s", r.Status, r.Text, r.Remedy)
}
