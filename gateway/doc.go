// Package gateway is the throttle protocol: what the alerts role says to a gateway, how it is signed and proved, and a
// limiter that any net/http gateway can put in front of its handler.
//
// A Command orders a limit for one tenant. It travels as a Standard Webhook (https://www.standardwebhooks.com, 1.0.0):
// POST with a signed JSON envelope {"type", "timestamp", "data"}. The answer is an Ack with the State in force. GET on
// the same address with ?tenant= and a signature over StatePayload reads that State back.
//
// What both sides hold to (DESIGN law 6):
//
//   - Every command expires. A lease is at most MaxLease long; a dead controller leaves nobody throttled.
//   - Commands of one tenant are ordered by sequence. A lower or equal one changes nothing and is answered with what is
//     in force, so retries and late deliveries are harmless.
//   - A dry-run command is counted, never enforced.
//   - Money is a string of a plain decimal, never a JSON number.
//
// Data comes in as Commands (Client.Send) and requests (Limiter.Middleware, Limiter.Charge), and goes out as webhooks,
// as 429 answers and as State. The package refuses private and loopback addresses unless they are allowed by
// configuration, redirects, unsigned or stale messages, bodies above MaxBody, and leases above MaxLease. It knows no
// rule and no database.
package gateway
