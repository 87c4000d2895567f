package ledger

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// The database user of a tenant is derived: nothing about it is stored, and whoever holds the secret (the embedded
// engine's front, what writes a server's DDL, what provisions Grafana) comes to the same name and password. A new secret
// is a new password for all.

const tenantUserPrefix = "tenant_"

// TenantDatabaseSuffix follows the ledger's database's name in the name of the tenants' own.
const TenantDatabaseSuffix = "_tenants"

// TenantUser is the name of the tenant's database user: letters, digits and "_" whatever the tenant is called.
func TenantUser(tenant string) string { return tenantUserPrefix + hex.EncodeToString([]byte(tenant)) }

// UserTenant is the tenant of a database user's name.
func UserTenant(user string) (tenant string, ok bool) {
	raw, found := strings.CutPrefix(user, tenantUserPrefix)
	b, err := hex.DecodeString(raw)
	if !found || err != nil || len(b) == 0 || TenantUser(string(b)) != user {
		return "", false
	}
	return string(b), true
}

// TenantPassword is HMAC-SHA256 of the tenant under the secret, in unpadded base64 for URLs (43 characters).
func TenantPassword(secret, tenant string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("tollkeeper database user\x00" + tenant))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
