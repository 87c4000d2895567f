package provision_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/dashboards"
	"github.com/tollkeeper/tollkeeper/dashboards/grafana"
	"github.com/tollkeeper/tollkeeper/dashboards/grafana/provision"
	"github.com/tollkeeper/tollkeeper/dashboards/grafana/provision/grafanatest"
	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

const secret = "0123456789abcdef0123456789abcdef"

func start(t *testing.T, tenants ...string) (*provision.Provisioner, *grafanatest.Server, string, *bytes.Buffer, *clickhousetest.Server) {
	engine := clickhousetest.Start(t)
	db := engine.Database(t)
	_, err := schema.Apply(t.Context(), db, schema.DefaultOptions())
	require.NoError(t, err)
	for _, tenant := range tenants {
		add(t, engine, db, tenant)
	}
	g := grafanatest.Start("admin", "grafana's own password")
	t.Cleanup(g.Close)
	cfg := provision.DefaultConfig()
	cfg.URL, cfg.Password, cfg.TenantSecret, cfg.MaxTenants = g.URL, g.Password, secret, 5
	cfg.ClickHouse = "https://clickhouse.example/" + "money"
	require.NoError(t, cfg.Validate())
	var log bytes.Buffer
	p, err := provision.New(cfg, provision.Deps{ClickHouse: db, Log: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	return p, g, db, &log, engine
}

func add(t *testing.T, engine *clickhousetest.Server, db, tenant string) {
	engine.Exec(t, db, fmt.Sprintf("INSERT INTO tenants (tenant, valid_from) VALUES (unhex('%x'), '2020-01-01 00:00:00')", tenant))
}

var sources = regexp.MustCompile(`"(tollkeeper-[0-9a-f]{20}|tollkeeper-clickhouse)"`)

// Every tenant has an organisation with its own source, user and boards, and no board names a source but its own.
func TestTenantsAreProvisionedApart(t *testing.T) {
	p, g, _, log, _ := start(t, "acme", "globex", "o'neil / 名前")
	require.NoError(t, p.Once(t.Context()))
	orgs := g.Orgs()
	require.Len(t, orgs, 3)
	seen := map[string]bool{}
	for i, tenant := range []string{"acme", "globex", "o'neil / 名前"} {
		o, uid := orgs[i], provision.SourceUID(tenant)
		require.Equal(t, "Tollkeeper "+tenant, o.Name)
		require.Len(t, o.Sources, 1)
		ds := o.Sources[uid]
		require.Equal(t, grafana.DatasourceType, ds["type"])
		data := ds["jsonData"].(map[string]any)
		require.Equal(t, ledger.TenantUser(tenant), data["username"])
		require.Equal(t, "clickhouse.example", data["host"])
		require.EqualValues(t, 8443, data["port"])
		require.Equal(t, true, data["secure"])
		require.Equal(t, "money_tenants", data["defaultDatabase"], "the tenants' views")
		require.Equal(t, ledger.TenantPassword(secret, tenant), o.Secrets[uid]["password"])
		require.False(t, seen[data["username"].(string)] || seen[uid], "a shared user or source")
		seen[data["username"].(string)], seen[uid] = true, true

		require.Len(t, o.Dashboards, len(dashboards.ForTenant()))
		for name, board := range o.Dashboards {
			raw, err := json.Marshal(board)
			require.NoError(t, err)
			named := sources.FindAllString(string(raw), -1)
			require.NotEmpty(t, named)
			require.Empty(t, slices.DeleteFunc(named, func(s string) bool { return s == `"`+uid+`"` }), "%s names a source that isn't %s's", name, tenant)
		}
	}
	for _, leak := range []string{secret, g.Password, ledger.TenantPassword(secret, "acme")} {
		require.NotContains(t, log.String(), leak)
	}
}

// The second run changes nothing; what somebody edited is put back; a new tenant appears; a new secret is a new password.
func TestProvisioningIsIdempotent(t *testing.T) {
	p, g, db, _, engine := start(t, "acme")
	require.NoError(t, p.Once(t.Context()))
	require.NotEmpty(t, g.Changes())
	require.NoError(t, p.Once(t.Context()))
	require.Empty(t, g.Changes())

	g.Edit(func(orgs []*grafanatest.Org) {
		orgs[0].Dashboards["tollkeeper-tenant"]["title"] = "Mine"
		orgs[0].Dashboards["tollkeeper-tenant"]["version"] = 7
		orgs[0].Sources[provision.SourceUID("acme")]["url"] = "http://evil.example"
		delete(orgs[0].Dashboards, "tollkeeper-trace")
	})
	require.NoError(t, p.Once(t.Context()))
	require.Equal(t, []string{"PUT /api/datasources/uid/" + provision.SourceUID("acme"), "POST /api/dashboards/db", "POST /api/dashboards/db"}, g.Changes())
	require.Equal(t, "Tenant", g.Orgs()[0].Dashboards["tollkeeper-tenant"]["title"])

	add(t, engine, db, "globex")
	require.NoError(t, p.Once(t.Context()))
	require.Len(t, g.Orgs(), 2)
	require.Equal(t, "POST /api/orgs", g.Changes()[0])

	cfg := provision.DefaultConfig()
	cfg.URL, cfg.Password, cfg.TenantSecret, cfg.ClickHouse = g.URL, g.Password, strings.Repeat("n", 32), "https://clickhouse.example/money"
	again, err := provision.New(cfg, provision.Deps{ClickHouse: db, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	require.NoError(t, again.Once(t.Context()))
	require.Equal(t, ledger.TenantPassword(strings.Repeat("n", 32), "acme"), g.Orgs()[0].Secrets[provision.SourceUID("acme")]["password"])
	require.Len(t, g.Changes(), 2, "the two sources")
}

func TestTroubleIsNamedAndBounded(t *testing.T) {
	p, g, db, _, engine := start(t, "a", "b", "c", "d", "e", "f")
	require.ErrorContains(t, p.Once(t.Context()), "6 tenants, and dashboards.grafana.max_tenants is 5")
	require.Len(t, g.Orgs(), 5)

	cfg := provision.DefaultConfig()
	cfg.URL, cfg.Password, cfg.TenantSecret = g.URL, "wrong", secret
	wrong, err := provision.New(cfg, provision.Deps{ClickHouse: db, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	err = wrong.Once(t.Context())
	require.ErrorContains(t, err, "Grafana answers 401: Invalid username or password")
	require.NotContains(t, err.Error(), "wrong\"")
	add(t, engine, db, "bad\xff\x00")
	require.Error(t, p.Once(t.Context()), "still one too many")

	bad := provision.Config{URL: "http://admin:pw@grafana", Every: "often"}
	err = bad.Validate()
	for _, part := range []string{"url: holds a user", "password", "tenant_secret", `every: "often"`, "max_tenants"} {
		require.ErrorContains(t, err, part)
	}
	require.NotContains(t, err.Error(), "pw@")
}
