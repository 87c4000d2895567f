// Package layout holds the tests that keep the house's walls where the design has them: which package may import which,
// and who links the OpenTelemetry Collector. It has no code of its own.
package layout
