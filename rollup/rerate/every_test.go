//go:build !testall

package rerate

// everyStep is how many steps of a run lie between two that TestAStopAnywhere, TestTwoProcessesAtOneRun and
// TestCallsArriveMeanwhile stop at; testall stops at each.
const everyStep = 4
