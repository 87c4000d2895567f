// Package chaos runs the product as separate processes (a broker, the engine, a collector, two ingests, two rollups), puts
// load on it whose truth it knows, and breaks it: kills -9 at random, at a statement and at a system call, pauses, cut
// lines, full disks, wrong clocks, duplicates, late and future calls. After each round everything is let live again, and
// within 15 seconds every acknowledged call has to be there once, at the true cost, with rollups equal to a
// recomputation in plain Go and no window dirty. Spend by dimension, which is paced by design, is brought up by the
// command rollup --once and compared after that.
//
// A round follows from its seed: what happens to whom and when, and every call that is sent. When things really happen
// is up to the machine, so a seed replays a round's plan, not its schedule to the microsecond.
//
//	plan.go     a seed → what happens in a round
//	world.go    the processes and the lines between them; process.go, link.go, witness.go, disk.go, tracer.go
//	calls.go    made-up calls and their cost, computed apart from the product; load.go sends them
//	verdict.go  what has to be true; recount.go adds up again
//	run.go      rounds, the table, the verdict
package chaos
