// Package notify tells people of episodes: an Alertmanager (API v2), Slack (incoming webhook), or any receiver of
// Alertmanager's webhook JSON (version 4).
//
// A Message comes in complete; what goes out is what the receiver's protocol can carry of it. Each receiver has a box: a
// bounded queue that is delivered in order, one request at a time, repeated with back-off and jitter, and slowed to so many
// requests a minute: what comes faster is put together in one. Every message ends in a Report: sent, or why it never will be.
//
// What it refuses: to call an address that isn't public unless configuration allows it, to follow redirects, to log an
// address (its path is often its key), to decide who is told.
package notify
