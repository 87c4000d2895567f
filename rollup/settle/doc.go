// Package settle decides which of several reports of one call stands for it (DESIGN D4). Some calls are reported twice: by a
// gateway and an SDK, by a framework and the provider's client, by two instrumentations of one client. The collector flags
// what may be such a report; ingest stores it in settle_candidates.
//
// Data comes in as those rows and as earlier decisions. Out go rows of settlements, a loser with its winner and the reason,
// which the view calls leaves out. What nothing links stays two calls: a double can be found later, a lost call can't.
//
// The package reads no other table, decides by the reports alone (no clock, no order of arrival), and marks the minutes of
// every report whose state changes before it writes.
package settle
