// Package alerts watches spend and acts on it: rules (budgets and spikes), episodes that fire once and resolve once,
// notifications, and throttle commands to a gateway.
//
// Data comes in from the ledger only: every evaluation reads the open minutes straight from calls and what is older from
// the rollups (DESIGN D10), so nothing of its own has to be right for the numbers to be. It goes out as rows of
// alert_events and throttle_events, as notifications, and as gateway.Commands. Both tables are also the memory that
// survives a restart: an episode that was firing goes on, a lease that was held is renewed or released.
//
// The order of acts is always: write it down, then do it, then write what came of it.
//
// What it refuses: to act on a ledger that may lack calls (no_data: nothing resolves, no throttle begins, leases run out by
// themselves unless a budget's is proved by the calls there are); to throttle a tenant that configuration doesn't name
// (dry run); to throttle by a statistical rule unless the tenant is named for that too; to compare amounts as floats.
//
// One goroutine owns all state (Alerts.Run); only webhooks and notifications run beside it and report back.
package alerts
