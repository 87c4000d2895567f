// Package keeper gives leases to a gateway that has none: one whose limits are set through an admin API and stay until somebody
// sets them again.
//
// A Keeper stands beside that gateway and receives the same signed webhooks as any other (gateway.NewWebhook). For each subject it
// reads what the gateway has, writes that to its file, sets the limits, and reads them back; at the end of the lease, or on a
// release, it restores what was there. So a dead controller leaves nobody throttled, and a keeper that was killed finds in its file
// what to restore when it is started again. It refuses what its gateway can't enforce.
package keeper
