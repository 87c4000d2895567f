package schema

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// DefaultDatabase is the database used where the URL names none.
const DefaultDatabase = "tollkeeper"

// Target is a parsed ClickHouse URL.
type Target struct {
	Scheme, Host, User, Password, Database string
}

// ParseURL reads http(s)://user:password@host:port/database. User defaults to default, database to tollkeeper.
func ParseURL(raw string) (Target, error) {
	u, err := url.Parse(raw)
	if err != nil {
		var e *url.Error // never repeat the URL: it may hold a password
		if errors.As(err, &e) {
			err = e.Err
		}
		return Target{}, fmt.Errorf("clickhouse.url: %w", err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return Target{}, errors.New("clickhouse.url: want http://user:password@host:8123/database, or https and port 8443 (the value isn't shown: it may hold a password)")
	}
	if _, err := strconv.ParseUint(u.Port(), 10, 16); err != nil && u.Port() != "" {
		return Target{}, fmt.Errorf("clickhouse.url: port %s: want one up to 65535, such as 8123", u.Port())
	}
	t := Target{Scheme: u.Scheme, Host: u.Host, User: "default", Database: strings.Trim(u.Path, "/")}
	if u.Port() == "" {
		t.Host += map[string]string{"http": ":8123", "https": ":8443"}[u.Scheme]
	}
	if name := u.User.Username(); name != "" {
		t.User = name
	}
	t.Password, _ = u.User.Password()
	if t.Database == "" {
		t.Database = DefaultDatabase
	}
	if !plainName.MatchString(t.Database) {
		return Target{}, fmt.Errorf("clickhouse.url: database %q: want a name of letters, digits and _, such as %s", t.Database, DefaultDatabase)
	}
	return t, nil
}

// plainName is a name that can stand in a statement without quotes.
var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Compresses says that what goes to and comes from the server is worth compressing: it isn't where nothing leaves the machine
// (docs/adr/0053-not-compressed-on-one-machine.md).
func (t Target) Compresses() bool {
	host, _, err := net.SplitHostPort(t.Host)
	if err != nil {
		host = t.Host
	}
	if host == "localhost" {
		return false
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err != nil || !addr.Unmap().IsLoopback()
}

// Open returns a connection pool for the URL. It speaks HTTP, with LZ4 to other machines, inserts synchronously and without
// deduplication by block (DESIGN D3), and doesn't wait for the server to be there: the first query does.
func Open(raw string) (driver.Conn, error) {
	t, err := ParseURL(raw)
	if err != nil {
		return nil, err
	}
	return t.Open(t.Database)
}

// Open connects to one database of the target, which need not exist yet if it is "default" or "system".
func (t Target) Open(database string) (driver.Conn, error) { return t.open(database, nil) }

// OpenPatient is Open for a URL's statements that may take long without a word.
func OpenPatient(raw string) (driver.Conn, error) {
	t, err := ParseURL(raw)
	if err != nil {
		return nil, err
	}
	return t.OpenPatient(t.Database)
}

// OpenPatient is Open for statements that may take long without a word: migrations, benchmarks.
func (t Target) OpenPatient(database string) (driver.Conn, error) {
	return t.open(database, func(o *clickhouse.Options) { o.DialContext = dialer(patience) })
}

// OpenTenant connects as the tenant's own database user, which sees the tenant's rows and nothing else; in the tenants' database; its
// password is derived from the secret.
func (t Target) OpenTenant(tenant, secret string) (driver.Conn, error) {
	t.User, t.Password = ledger.TenantUser(tenant), ledger.TenantPassword(secret, tenant)
	return t.open(TenantDatabase(t.Database), func(o *clickhouse.Options) {
		o.MaxOpenConns, o.MaxIdleConns = 4, 1
		o.Settings = clickhouse.Settings{"max_execution_time": 30}
	})
}

func (t Target) open(database string, change func(*clickhouse.Options)) (driver.Conn, error) {
	opts := &clickhouse.Options{
		Protocol:        clickhouse.HTTP,
		Addr:            []string{t.Host},
		Auth:            clickhouse.Auth{Database: database, Username: t.User, Password: t.Password},
		DialTimeout:     5 * time.Second,
		MaxOpenConns:    16,
		MaxIdleConns:    8,
		ConnMaxLifetime: time.Hour,
		Settings: clickhouse.Settings{
			"async_insert":       0,
			"deduplicate_insert": "disable",
			// A server that works says so while it does (ours doesn't, on the same machine), so that silence means something.
			"send_progress_in_http_headers":     1,
			"http_headers_progress_interval_ms": 10_000,
		},
		DialContext:   dialer(silence),
		TransportFunc: func(h *http.Transport) (http.RoundTripper, error) { return advised{t, bounded(h)}, nil },
	}
	if t.Compresses() {
		opts.Compression = &clickhouse.Compression{Method: clickhouse.CompressionLZ4}
	}
	if t.Scheme == "https" {
		opts.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if change != nil {
		change(opts)
	}
	conn, err := clickhouse.Open(opts)
	if err != nil {
		return nil, fmt.Errorf("open clickhouse at %s: %w", t.Host, err)
	}
	return conn, nil
}
