// Package garbage sets how often Go collects garbage, for processes in which Go's own setting is measured to cost too much.
package garbage

import (
	"os"
	"runtime/debug"
)

// Percent is how much is allocated between two collections, in percent of what is alive (GOGC; Go's own is 100).
const Percent = 400

// CollectRarely has a process collect its garbage when its heap has grown by Percent, or comes near limit, in bytes, whichever is first: so that rare
// collections don't make the process five times as large as what is alive in it. Beyond the limit they take at most half of the CPU, by Go's own
// rule, and nothing fails. GOGC and GOMEMLIMIT in the environment win.
func CollectRarely(limit int64) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(Percent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit)
	}
}
