package gateway

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

// ErrAddress says that an address must not be called: loopback, private, link-local or otherwise not public.
var ErrAddress = errors.New("address refused")

// Ranges that net/netip's own predicates don't cover: carrier-grade NAT, benchmarks, documentation, reserved, 6to4
// and NAT64, which can wrap a private IPv4 address (IANA special-purpose registries, RFC 6890).
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("::/96"), netip.MustParsePrefix("fec0::/10"),
}

// checkAddress refuses addresses that aren't public, unless one of the allowed prefixes holds them.
func checkAddress(ip netip.Addr, allowed []netip.Prefix) error {
	ip = ip.Unmap().WithZone("")
	for _, p := range allowed {
		if p.Contains(ip) {
			return nil
		}
	}
	public := ip.IsGlobalUnicast() && !ip.IsPrivate() && !ip.IsLoopback() && !ip.IsLinkLocalUnicast()
	for _, p := range special {
		public = public && !p.Contains(ip)
	}
	if !public {
		return fmt.Errorf("%w: %s is not a public address; allow it with allow_networks: [%s/%d]", ErrAddress, ip, ip, ip.BitLen())
	}
	return nil
}

// NewHTTPClient returns a client for webhooks: guarded addresses, no redirects, no proxy, timeout for the whole exchange.
func NewHTTPClient(allowed []netip.Prefix, timeout time.Duration) *http.Client {
	return &http.Client{Transport: newTransport(allowed, timeout), CheckRedirect: noRedirect, Timeout: timeout}
}

// WithoutURL takes the URL out of an HTTP client's error: a webhook's path is often its key, and errors are logged. The
// host and port of a failed connection stay in it.
func WithoutURL(err error) error {
	if where := (*url.Error)(nil); errors.As(err, &where) {
		return where.Err
	}
	return err
}

// newTransport returns an HTTP transport that checks each address after name resolution, at the moment of connecting,
// so that a name can't resolve to one address for the check and to another for the call. It uses no proxy.
func newTransport(allowed []netip.Prefix, timeout time.Duration) *http.Transport {
	dialer := &net.Dialer{
		Timeout: timeout,
		Control: func(_, address string, _ syscall.RawConn) error {
			ap, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("%w: %s", ErrAddress, address)
			}
			return checkAddress(ap.Addr(), allowed)
		},
	}
	return &http.Transport{
		DialContext:           dialer.DialContext,
		TLSHandshakeTimeout:   timeout,
		ResponseHeaderTimeout: timeout,
		MaxIdleConnsPerHost:   4,
		MaxConnsPerHost:       16,
		IdleConnTimeout:       30 * time.Second,
		ForceAttemptHTTP2:     true,
	}
}

// noRedirect makes a client hand back a 3xx answer instead of following it.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
