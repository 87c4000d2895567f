package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// What a tenant may read, with the rows of its own: the tables that have a tenant column, and the views over them. What is
// not listed is not a tenant's, whatever migration made it.
var (
	tenantTables = []string{"call_reports", "spans", "cost_minute", "cost_hour", "cost_day", "cost_hour_by", "cost_day_by", "budgets", "tenants",
		"alert_events", "throttle_events", "adjustments", "forecasts", "chargebacks", "budget_states"}
	tenantViews = []string{"calls", "spend", "spend_steps", "spend_cut", "spend_minute", "spend_hour", "spend_day", "spend_by", "spend_hour_by", "spend_day_by", "budgets_now", "budget_states_now",
		"adjustments_now", "booked_spend", "chargebacks_now", "tenants_dated", "tenants_at", "period_states", "ledger_complete"}
	// The views read these columns; a server's grants can't do without them, and they tell of windows, not of amounts or names.
	behindViews = []struct{ table, columns string }{
		{"settlements", "minute, tenant, trace_id, span_id, revision, loses"},
		{"window_revisions", "level, window, n, worker, committed"},
		{"dirty_windows", "level, window, id, done"},
		{"adjust_revisions", "window, n, worker, committed"},
		{"periods", "month, state, at"},
		{"ingest_freshness", "topic, partition, complete_to, at"},
	}
)

// TenantTables are the tables and views that a tenant may name.
func TenantTables() []string {
	return append(append([]string{}, tenantTables...), tenantViews...)
}

// TenantRole is the role of all tenants' database users on a server.
const TenantRole = "tollkeeper_tenant"

// TenantGrants are the grants of a tenant on a server, without their grantee: "GRANT SELECT ON db.table".
func TenantGrants(database string) []string {
	db := quoteName(database)
	var out []string
	for _, t := range append(append([]string{}, tenantTables...), tenantViews...) {
		out = append(out, fmt.Sprintf("GRANT SELECT ON %s.%s", db, t))
	}
	for _, b := range behindViews {
		out = append(out, fmt.Sprintf("GRANT SELECT(%s) ON %s.%s", b.columns, db, b.table))
	}
	return out
}

// RowPolicy lets a tenant's user see the tenant's own rows of a table.
type RowPolicy struct {
	Table, Using string
}

// TenantPolicies are the row policies of all tenants: the tenant is read from the name of the user that asks, which is a
// constant of the query, so that it serves as a key. user is an SQL expression: currentUser() on a server.
func TenantPolicies(user string) []RowPolicy {
	var out []RowPolicy
	for _, t := range append(append([]string{}, tenantTables...), "settlements") {
		out = append(out, RowPolicy{t, fmt.Sprintf("tenant = unhex(substring(%s, %d))", user, len(ledger.TenantUser(""))+1)})
	}
	return out
}

// TenantDDL is what sets tenants apart on a ClickHouse server: a role with its grants, a profile, row policies, and a user
// for each tenant with the password that ledger.TenantPassword derives from the secret; only its hash is in the statements.
// They can be run again: with another secret they change the passwords.
func TenantDDL(database, secret string, tenants []string) []string {
	out := []string{
		"CREATE SETTINGS PROFILE OR REPLACE " + TenantRole + " SETTINGS readonly = 2, max_execution_time = 60, max_memory_usage = 4000000000",
		"CREATE ROLE IF NOT EXISTS " + TenantRole,
		"REVOKE ALL ON *.* FROM " + TenantRole,
	}
	for _, g := range TenantGrants(database) {
		out = append(out, g+" TO "+TenantRole)
	}
	for _, p := range TenantPolicies("currentUser()") {
		out = append(out, fmt.Sprintf("CREATE ROW POLICY OR REPLACE %s ON %s.%s FOR SELECT USING %s TO %s", TenantRole, quoteName(database), p.Table, p.Using, TenantRole))
	}
	for _, tenant := range tenants {
		hash := sha256.Sum256([]byte(ledger.TenantPassword(secret, tenant)))
		out = append(out, fmt.Sprintf("CREATE USER OR REPLACE %s IDENTIFIED WITH sha256_hash BY '%s' DEFAULT ROLE %s SETTINGS PROFILE '%s'", ledger.TenantUser(tenant), hex.EncodeToString(hash[:]), TenantRole, TenantRole),
			fmt.Sprintf("GRANT %s TO %s", TenantRole, ledger.TenantUser(tenant)))
	}
	return out
}

func quoteName(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
