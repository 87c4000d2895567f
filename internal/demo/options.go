package demo

import (
	"io"
	"log/slog"
	"time"
)

// DefaultFor is how long the demo runs, about, if it isn't said.
const DefaultFor = 100 * time.Second

// Options of a run.
type Options struct {
	For   time.Duration // about how long traffic is made; the loops of alert and throttle take the time they take
	JSON  bool          // print one JSON object at the end and nothing else
	Out   io.Writer     // where frames, lines or the object go
	Seed  uint64        // the same seed makes the same traffic
	Start StartProduct
	Log   *slog.Logger
	// Getenv answers for TERM and NO_COLOR; os.Getenv in production.
	Getenv func(string) string
}

// plan is how the time is used, and how long what can't be hurried may take at most.
type plan struct {
	warmUp time.Duration // quiet traffic before the first runaway
	rest   time.Duration // quiet traffic between a release and the second runaway
	under  int           // whole seconds over which the spend under the throttle is taken; divides 60
	react  time.Duration // from a runaway's beginning to the throttle
	let    time.Duration // from a runaway's end to the release
	settle time.Duration // from the last span's export until the ledger has every call
}

// planFor shares d out. The limits are no targets: they only end a demo that doesn't work, also on a slow machine.
func planFor(d time.Duration) plan {
	return plan{warmUp: max(8*time.Second, d/5), rest: max(2*time.Second, d/20), under: 5,
		react: 45 * time.Second, let: 60 * time.Second, settle: 60 * time.Second}
}
