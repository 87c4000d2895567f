//go:build testall

package rollup

// sleepingSteps are where a worker sleeps while its month is closed.
var sleepingSteps = map[Level][]string{
	Minute: {afterMarks, afterSeen, afterClaim, afterWrite, afterCommit, afterParent},
	Hour:   {afterMarks, afterSeen, afterClaim, afterWrite, afterCommit, afterParent},
}
