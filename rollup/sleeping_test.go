//go:build !testall

package rollup

// sleepingSteps are where a worker sleeps while its month is closed: the steps that decide; testall has all.
var sleepingSteps = map[Level][]string{Minute: {afterSeen}, Hour: {afterCommit}}

// everyWay has TestSealingStops stop at each step both ways.
const everyWay = false
