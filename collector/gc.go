package collector

import (
	"os"
	"runtime/debug"
)

// gcPercent is how much is allocated between two collections of garbage, in percent of what is alive. Spans are held for seconds until
// sampling has decided, so with Go's 100 a sixth of the CPU goes to looking through them again (docs/adr/0024).
const gcPercent = 400

// TuneGC sets Go's garbage collector for a process that runs a Collector: rare collections while there is room, and frequent ones
// well before the heap reaches what sheds payload, so that garbage sheds none. It holds for all that the process runs beside the
// Collector (docs/operators.md, "Memory and Go's garbage collector"). GOGC and GOMEMLIMIT in the environment win.
func (c *Config) TuneGC() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(c.gcLimit())
	}
}

// gcLimit is nine tenths of the heap from which the payload's memory_limiter sheds, in bytes.
func (c *Config) gcLimit() int64 {
	return int64(c.PayloadMemoryLimitMiB-c.PayloadMemoryLimitMiB/5) << 20 / 10 * 9
}
