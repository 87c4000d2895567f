// Package report makes what a month is closed on: spend by period, tenant and dimension, adjustments as lines of their own,
// the chargeback file, and, below it, the FOCUS export (focus), the comparison with a provider's invoice (reconcile) and the
// read-only HTTP API (api). Data comes in from rollups (spend…), adjustments, periods and the tenant directory, never from
// sampled spans; out go text, CSV, JSON and HTML. It refuses to round: amounts leave as exact decimals, and every total is
// the sum of the lines above it.
package report
