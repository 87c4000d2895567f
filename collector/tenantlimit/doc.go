// Package tenantlimit is the collector's processor that keeps one tenant's flood from starving the others (ADR 14).
//
// Data comes in as traces that llmcost tagged with their tenants, and goes on unchanged while every tenant in it is within its
// limits: spans and bytes per second with a burst, and requests in flight. It comes after llmcost, which knows the tenant, and
// before callsplit, which answers the client.
//
// It refuses what is above a limit with ResourceExhausted and the time to wait (HTTP 429 and Retry-After): the client keeps the
// request and sends it again. Of a request of several tenants the quiet ones' spans go on before the request is refused. They
// come again with the repeat, are recognized by their content and left out; where they aren't (another collector, a restart), a
// report's identity makes that harmless. It never drops a span that was not refused, and never accepts
// one that it didn't hand on.
package tenantlimit
