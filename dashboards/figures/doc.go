// Package figures computes, by cron, what boards and autoscalers want and calls don't hold: the month's forecast with its
// band, the chargeback, the numbers of the configuration (quotas, prices of storage and egress), and the gauges per tenant
// on /metrics, as many as are configured. Publish keeps a process's own counters in the database, for the board Pipeline.
//
// It reads totals and writes tables of its own (schema/migrations/0013_dashboards.sql); it never writes a call or a total.
package figures
