// Package isolation holds the suite that tries to see another tenant's rows with a tenant's own database user (law 8), and
// nothing else: make isolation.
package isolation
