// Package tenantauth is a server authenticator for the Collector's receivers: an API key tells the tenant (DESIGN law 8). Keys
// come in by a file of their SHA-256 sums, which is read again while it runs; out goes the tenant, as the attribute "tenant"
// of the authenticated client, which llmcost puts above every claim.
//
// It refuses what it can't tell: a wrong, revoked or expired key, and two keys in one request. It never keeps, logs or
// counts a key.
package tenantauth
