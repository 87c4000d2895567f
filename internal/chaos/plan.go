package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Processes of the world.
const (
	procKafka     = "kafka"
	procEngine    = "engine"
	procCollector = "collector"
	procIngest1   = "ingest-1"
	procIngest2   = "ingest-2"
	procRollup1   = "rollup-1"
	procRollup2   = "rollup-2"
)

var (
	allProcesses = []string{procKafka, procEngine, procCollector, procIngest1, procIngest2, procRollup1, procRollup2}
	roles        = []string{procCollector, procIngest1, procIngest2, procRollup1, procRollup2}
	// databaseUsers talk to the engine, each over a line of its own.
	databaseUsers = []string{procIngest1, procIngest2, procRollup1, procRollup2}
)

// Kinds of events.
const (
	eventKill      = "kill"      // -9, started again after For
	eventStatement = "statement" // -9 when a statement passes
	eventSyscall   = "syscall"   // -9 inside the engine at its n-th system call of a kind
	eventPause     = "pause"     // SIGSTOP for For
	eventCut       = "cut"       // a line
	eventFull      = "full"      // a disk
	eventClock     = "clock"     // -9, started again with a clock that is Offset off
)

// event is one thing that happens in a round.
type event struct {
	At     time.Duration
	Kind   string
	Target string // a process; of a cut, whose line (the broker's: everyone's)
	For    time.Duration
	How    string        // of a cut: cutRefuse …; of a statement: its text; of a syscall: its name
	When   moment        // of a statement
	N      int           // of a statement: the n-th; of a syscall: likewise
	Victim string        // of a statement: who dies
	Offset time.Duration // of a clock
}

// String tells the event in a line.
func (e event) String() string {
	head := fmt.Sprintf("%.1fs %s %s", e.At.Seconds(), e.Kind, e.Target)
	switch e.Kind {
	case eventStatement:
		return fmt.Sprintf("%.1fs kill %s %s %q of %s no. %d", e.At.Seconds(), e.Victim, e.When, e.How, e.Target, e.N)
	case eventSyscall:
		return fmt.Sprintf("%s at %s no. %d", head, e.How, e.N)
	case eventCut:
		return fmt.Sprintf("%s %s for %s", head, e.How, e.For)
	case eventClock:
		return fmt.Sprintf("%s by %s", head, e.Offset)
	}
	return fmt.Sprintf("%s for %s", head, e.For)
}

// Steps of ingest and rollup, told by what their statements say.
var (
	ingestStatements = []string{"INTO call_reports", "INTO dirty_windows", "INTO ingest_ranges", "INTO settle_candidates"}
	rollupStatements = []string{"INSERT INTO cost_minute", "INSERT INTO cost_hour", "INSERT INTO cost_day", "INSERT INTO window_revisions", "INSERT INTO spend_windows", "INSERT INTO summar",
		"INSERT INTO dirty_windows", "INSERT INTO settlements"}
	syscalls = []string{"fsync", "rename", "renameat2", "openat", "pwrite64", "write", "mkdir", "unlink"}
)

// loadFor is how long a round's load goes on before everything is healed.
const loadFor = 8 * time.Second

// plan is what happens in the round of a seed, in order.
func plan(seed uint64) []event {
	rng := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	events := make([]event, 3+rng.IntN(5))
	for i := range events {
		events[i] = randomEvent(rng)
	}
	slices.SortStableFunc(events, func(a, b event) int { return int(a.At - b.At) })
	return events
}

func randomEvent(rng *rand.Rand) event {
	millis := func(from, to int) time.Duration { return time.Duration(from+rng.IntN(to-from)) * time.Millisecond }
	pick := func(from []string) string { return from[rng.IntN(len(from))] }
	e := event{At: millis(300, int(loadFor.Milliseconds())-500)}
	switch n := rng.IntN(100); {
	case n < 25:
		e.Kind, e.Target, e.For = eventKill, pick(allProcesses), millis(0, 1500)
	case n < 50:
		e.Kind, e.Target, e.When, e.N = eventStatement, pick(databaseUsers), moment(rng.IntN(3)), 1+rng.IntN(3)
		e.How = pick(rollupStatements)
		if e.Target == procIngest1 || e.Target == procIngest2 {
			e.How = pick(ingestStatements)
		}
		e.Victim = e.Target
		if rng.IntN(2) == 0 {
			e.Victim = procEngine
		}
		e.For = millis(0, 1000)
	case n < 62:
		e.Kind, e.Target, e.How, e.N, e.For = eventSyscall, procEngine, pick(syscalls), 1+rng.IntN(20), millis(0, 500)
	case n < 74:
		e.Kind, e.Target, e.For = eventPause, pick(allProcesses), millis(200, 4000)
		if rng.IntN(4) == 0 { // longer than a session: a zombie wakes up
			e.For = millis(int(session.Milliseconds())+500, int(session.Milliseconds())+3000)
		}
	case n < 88:
		e.Kind, e.Target, e.How, e.For = eventCut, pick(append([]string{procKafka}, databaseUsers...)), pick(cuts), millis(300, 4000)
	case n < 94:
		e.Kind, e.Target, e.For = eventFull, pick([]string{procKafka, procEngine}), millis(500, 3000)
	default:
		e.Kind, e.Target = eventClock, pick(roles)
		e.Offset = time.Duration(rng.IntN(1200)-600) * time.Second
	}
	return e
}
