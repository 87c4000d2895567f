//go:build testall

package rollup

import "testing"

var allSleeping = map[Level][]string{
	Minute: {afterMarks, afterSeen, afterClaim, afterWrite, afterCommit},
	Hour:   {afterMarks, afterSeen, afterClaim, afterWrite, afterCommit},
}

func TestAWorkerThatSleepsAtAnyStepWhileItsMonthIsClosed(t *testing.T) {
	sleepsWhileClosed(t, allSleeping)
}

func TestAWorkerThatSleepsAtAnyStepWhileItsDayIsSealed(t *testing.T) {
	sleepsWhileSealed(t, allSleeping)
}

func TestSealingStopsEveryWay(t *testing.T) { sealingStops(t, true) }
