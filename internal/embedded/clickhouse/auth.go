package clickhouse

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"

	"github.com/tollkeeper/tollkeeper/ledger"
)

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
		return user, nil
	}
	if !given {
		return User{}, newException(codeRequiredPassword, "REQUIRED_PASSWORD", "%s: Authentication failed: password is required. Give user and password", name)
	}
	return User{}, newException(codeAuthFailed, "AUTHENTICATION_FAILED", "%s: Authentication failed: password is incorrect, or there is no user with such name", name)
}
