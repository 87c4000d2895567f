//go:build testall

package rollup

var sleepingSteps = map[Level][]string{
	Minute: {afterMarks, afterSeen, afterClaim, afterWrite, afterCommit, afterParent},
	Hour:   {afterMarks, afterSeen, afterClaim, afterWrite, afterCommit, afterParent},
}

const everyWay = true
