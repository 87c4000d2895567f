// Package app wires the roles together: cmd and tests start the product through it. It owns the order of starting and
// stopping, the embedded servers, the data directory and the readiness of the whole; it refuses a data directory that
// another process uses. It is the one package besides collector that links the OpenTelemetry Collector.
package app
