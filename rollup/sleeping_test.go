//go:build !testall

package rollup

// sleepingSteps are where a worker sleeps in TestAWorkerThatSleepsWhileItsMonthIsClosed and
// TestAWorkerThatSleepsWhileItsDayIsSealed: the steps that decide; testall has all.
var sleepingSteps = map[Level][]string{Minute: {afterSeen}, Hour: {afterCommit}}

// everyWay has TestSealingStops stop at each step both ways.
const everyWay = false
