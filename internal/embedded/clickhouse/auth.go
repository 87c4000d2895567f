package clickhouse

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// forAnotherSite reports whether a browser on this machine may be asking at the wish of a page from elsewhere: it says so, or it
// was talked into taking another name for ours (DNS rebinding). Where no password is asked for, such a page could do all that its
// reader may.
func forAnotherSite(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return true
	}
	if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+r.Host {
		return true
	}
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	host = strings.Trim(host, "[]")
	ip := net.ParseIP(host)
	return host != "localhost" && (ip == nil || !ip.IsLoopback())
}

// authenticate finds the request's user: Basic authorization, or X-ClickHouse-User and -Key, or the URL parameters
// user and password, in that order; without any of them the user is default with an empty password.
func (f *front) authenticate(r *http.Request, params url.Values) (User, error) {
	name, password, given := r.BasicAuth()
	if h := r.Header.Get("X-ClickHouse-User"); !given && h != "" {
		name, password, given = h, r.Header.Get("X-ClickHouse-Key"), true
	}
	if !given && (params.Has("user") || params.Has("password")) {
		name, password, given = params.Get("user"), params.Get("password"), true
	}
	if name == "" {
		name = "default"
	}
	user, known := f.users[name]
	if tenant, ok := ledger.UserTenant(name); !known && f.secret != "" && ok && tenant != allTenants {
		user, known = User{Name: name, Password: ledger.TenantPassword(f.secret, tenant), Tenant: tenant}, true
	}
	want, got := sha256.Sum256([]byte(user.Password)), sha256.Sum256([]byte(password))
	if equal := subtle.ConstantTimeCompare(want[:], got[:]) == 1; known && equal {
		if user.Password == "" && forAnotherSite(r) {
			return User{}, newException(codeAuthFailed, "AUTHENTICATION_FAILED",
				"%s: Authentication failed: a web page of another site asks, or the server was reached by another name than this machine's. Ask by 127.0.0.1 or localhost, or give the user a password (clickhouse.embedded.users)", name)
		}
		return user, nil
	}
	if !given {
		return User{}, newException(codeRequiredPassword, "REQUIRED_PASSWORD", "%s: Authentication failed: password is required. Give user and password", name)
	}
	return User{}, newException(codeAuthFailed, "AUTHENTICATION_FAILED", "%s: Authentication failed: password is incorrect, or there is no user with such name", name)
}
