// Package provision keeps, by cron, a Grafana organisation for every tenant: its own data source with the tenant's own
// database user, and the boards that make sense with one tenant's rows alone. It speaks Grafana's HTTP API as documented
// (organisations, data sources, folders, dashboards) as a server administrator, and changes only what isn't as wanted.
//
// It deletes nothing: a tenant that is gone keeps its organisation until somebody removes it. Who may log in to an
// organisation is Grafana's own affair.
package provision
