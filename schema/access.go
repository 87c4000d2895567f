package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// What a tenant may read, with the rows of its own: the tables that have a tenant column, and the views over them. What is
// not listed is not a tenant's, whatever migration made it.
var (
	tenantTables = []string{"call_reports", "spans", "cost_minute", "cost_hour", "cost_day", "cost_hour_by", "cost_day_by", "budgets", "tenants",
		"alert_events", "throttle_events", "adjustments", "forecasts", "chargebacks", "budget_states"}
	tenantViews = []string{"calls", "spend", "spend_steps", "spend_cut", "spend_minute", "spend_hour", "spend_day", "spend_by", "spend_hour_by", "spend_day_by", "budgets_now",
		"budget_states_now", "adjustments_now", "booked_spend", "chargebacks_now", "tenants_dated", "tenants_at"}
	sharedViews = []string{"period_states", "ledger_complete"} // nobody's rows
	// The parameters of the views that have some.
	periodViews = []string{"calls", "spend", "spend_minute", "spend_hour", "spend_day", "spend_by", "spend_hour_by", "spend_day_by", "booked_spend"}
	viewParams  = map[string][]string{"spend_steps": {"from", "to", "step"}, "spend_cut": {"from", "cut", "to"}, "tenants_at": {"at"}}
	paramTypes  = map[string]string{"from": "DateTime('UTC')", "to": "DateTime('UTC')", "cut": "DateTime('UTC')", "at": "DateTime('UTC')", "step": "UInt32"}
	// Tables whose newest row counts, where boards say FINAL: a view over them says it itself.
	finalTables = []string{"spans", "alert_events"}
)

// TenantTables are the tables and views that a tenant may name.
func TenantTables() []string { return slices.Concat(tenantTables, tenantViews, sharedViews) }

// TenantDatabase is the database of the tenants' views on a server; the embedded engine takes it for the ledger's own.
func TenantDatabase(database string) string { return database + ledger.TenantDatabaseSuffix }

// TenantRole is the role of all tenants' database users on a server.
const TenantRole = "tollkeeper_tenant"

// TenantViews are the statements that make the tenants' database on a server: a view for each table and view that a tenant may name,
// under the same name, with the rows of the tenant that asks. They run with the rights of their definer, so that a tenant needs none on
// what lies behind them, and can't look at its indexes (docs/adr/0033-one-kind-of-tenant-user.md). user is an SQL expression for the name of the
// user that asks: currentUser() on a server.
func TenantViews(database, definer, user string) []string {
	db, own := quoteName(database), quoteName(TenantDatabase(database))
	out := []string{"CREATE DATABASE IF NOT EXISTS " + own}
	for _, name := range TenantTables() {
		params := viewParams[name]
		if slices.Contains(periodViews, name) {
			params = []string{"from", "to"}
		}
		from := db + "." + name
		if len(params) > 0 {
			var given []string
			for _, p := range params {
				given = append(given, fmt.Sprintf("%s = {%s:%s}", p, p, paramTypes[p]))
			}
			from += "(" + strings.Join(given, ", ") + ")"
		}
		if slices.Contains(finalTables, name) {
			from += " FINAL"
		}
		where := ""
		if !slices.Contains(sharedViews, name) {
			where = fmt.Sprintf(" WHERE tenant = unhex(substring(%s, %d))", user, len(ledger.TenantUser(""))+1)
		}
		out = append(out, fmt.Sprintf("CREATE OR REPLACE VIEW %s.%s DEFINER = %s SQL SECURITY DEFINER AS SELECT * FROM %s%s", own, name, quoteName(definer), from, where))
	}
	return out
}

// TenantGrants are the grants of a tenant on a server, without their grantee: "GRANT SELECT ON db.view".
func TenantGrants(database string) []string {
	var out []string
	for _, name := range TenantTables() {
		out = append(out, fmt.Sprintf("GRANT SELECT ON %s.%s", quoteName(TenantDatabase(database)), name))
	}
	return out
}

// TenantQueries are the statements that a tenant's user may run at once on a server: more are refused, not queued
// (TOO_MANY_SIMULTANEOUS_QUERIES), so that the largest board fits twice, with the API's own beside it.
const TenantQueries = 64

// tenantSettings bound a tenant's user. Each has bounds itself: readonly = 2 lets a reader change settings, and 0 is no limit.
func tenantSettings() string {
	return "readonly = 2, max_execution_time = 60 MIN 1 MAX 120, max_memory_usage = 4000000000 MIN 1 MAX 4000000000, " +
		"max_memory_usage_for_user = 8000000000 MIN 1 MAX 8000000000, " + // of all its statements together
		fmt.Sprintf("max_concurrent_queries_for_user = %d MIN 1 MAX %[1]d", TenantQueries)
}

// TenantDDL is what sets tenants apart on a ClickHouse server: the tenants' views, a role with its grants, a profile, and a user
// for each tenant with the password that ledger.TenantPassword derives from the secret; only its hash is in the statements.
// definer is the user with whose rights the views read: the ledger's own. They can be run again: with another secret they
// change the passwords.
func TenantDDL(database, definer, secret string, tenants []string) []string {
	out := append(TenantViews(database, definer, "currentUser()"),
		"CREATE SETTINGS PROFILE OR REPLACE "+TenantRole+" SETTINGS "+tenantSettings(),
		"CREATE ROLE IF NOT EXISTS "+TenantRole,
		"REVOKE ALL ON *.* FROM "+TenantRole,
	)
	for _, g := range TenantGrants(database) {
		out = append(out, g+" TO "+TenantRole)
	}
	for _, tenant := range tenants {
		hash := sha256.Sum256([]byte(ledger.TenantPassword(secret, tenant)))
		out = append(out, fmt.Sprintf("CREATE USER OR REPLACE %s IDENTIFIED WITH sha256_hash BY '%s' DEFAULT ROLE %s DEFAULT DATABASE %s SETTINGS PROFILE '%s'", ledger.TenantUser(tenant),
			hex.EncodeToString(hash[:]), TenantRole, quoteName(TenantDatabase(database)), TenantRole),
			fmt.Sprintf("GRANT %s TO %s", TenantRole, ledger.TenantUser(tenant)))
	}
	return out
}

func quoteName(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
