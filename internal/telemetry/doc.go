// Package telemetry is how Tollkeeper shows itself to operators: structured logs, one Prometheus registry for all
// roles, and a small HTTP server for /metrics, /healthz and /readyz. It holds no state of the product.
package telemetry
