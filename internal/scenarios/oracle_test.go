package scenarios

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPoissonTail(t *testing.T) {
	require.InDelta(t, 1, poissonTail(3, 0), 1e-12)
	require.InDelta(t, 0.6321, poissonTail(1, 1), 1e-4)
	require.InDelta(t, 0.0803, poissonTail(1, 3), 1e-4)
	require.InDelta(t, 0.8854, poissonTail(30, 24), 1e-4)
}

// What is in the goal can be found, what is out of it can't.
func TestOnlyWhatCannotBeSeenIsOutOfTheGoal(t *testing.T) {
	for _, s := range All(40) {
		if len(s.tenant.spikes) == 0 || s.tenant.name == "flapping" {
			continue
		}
		if s.beyond {
			require.Less(t, s.tenant.oracle(), 0.2, s.Name)
		} else {
			require.Greater(t, s.tenant.oracle(), leastRecall, s.Name)
		}
	}
}
