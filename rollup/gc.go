package rollup

import "github.com/tollkeeper/tollkeeper/internal/garbage"

// gcLimit is a heap, in bytes, that has room for the candidates of a minute of 5,000 calls a second fifty times over (9 MB are alive then: `GODEBUG=gctrace=1
// make bench-rollup ONLY=minute`).
const gcLimit = 512 << 20

// TuneGC sets Go's garbage collector for a process that runs a rollup and no collector, which sets it for all beside it: rare collections while there
// is room. With Go's own setting a third of our CPU in settling is collecting (docs/adr/0055-no-statistics-of-columns.md; docs/operators.md, "Memory and
// Go's garbage collector"). GOGC and GOMEMLIMIT in the environment win.
func TuneGC() { garbage.CollectRarely(gcLimit) }
