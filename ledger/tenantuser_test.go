package ledger

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTenantUser(t *testing.T) {
	for _, tenant := range []string{"acme", "o'neil", "名前", "\xff\x00", "A b"} {
		user := TenantUser(tenant)
		require.Regexp(t, `^tenant_[0-9a-f]+$`, user)
		back, ok := UserTenant(user)
		require.True(t, ok)
		require.Equal(t, tenant, back)
		require.NotEqual(t, TenantPassword("s", tenant), TenantPassword("s2", tenant))
		require.Len(t, TenantPassword("s", tenant), 43)
	}
	require.NotEqual(t, TenantPassword("s", "a"), TenantPassword("s", "b"))
	for _, user := range []string{"", "acme", "tenant_", "tenant_6", "tenant_zz", "tenant_6A"} {
		_, ok := UserTenant(user)
		require.False(t, ok, user)
	}
}
