package collector

import "github.com/tollkeeper/tollkeeper/internal/garbage"

// TuneGC sets Go's garbage collector for a process that runs a Collector: rare collections while there is room, and frequent ones
// well before the heap reaches what sheds payload, so that garbage sheds none. Spans are held for seconds until sampling has decided, so with Go's own
// setting a sixth of the CPU goes to looking through them again (docs/adr/0024). It holds for all that the process runs beside the
// Collector (docs/operators.md, "Memory and Go's garbage collector"). GOGC and GOMEMLIMIT in the environment win.
func (c *Config) TuneGC() { garbage.CollectRarely(c.gcLimit()) }

// gcLimit is nine tenths of the heap from which the payload's memory_limiter sheds, in bytes.
func (c *Config) gcLimit() int64 {
	return int64(c.PayloadMemoryLimitMiB-c.PayloadMemoryLimitMiB/5) << 20 / 10 * 9
}
