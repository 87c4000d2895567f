package scenarios

import (
	"math"
	"time"
)

// oracle is the share of the tenant's spikes that a rule could find within a minute which knows the true rate at every
// time and pages wrongly at most once in four weeks, by the number of events (calls or sessions) in whole minutes: the
// most that any rule can do which looks once a minute. A fivefold spike of a call in ten minutes makes half a call a minute,
// so mostly none at all.
func (t tenant) oracle() float64 {
	if len(t.spikes) == 0 {
		return 1
	}
	const looks = float64(4 * week / time.Minute)
	var sum float64
	for _, s := range t.spikes {
		usual := t.perHour / 60 * t.shape(s.at) / float64(max(1, t.session))
		k := 1
		for poissonTail(usual, k) > 1/looks {
			k++
		}
		sum += poissonTail(usual*s.factor, k)
	}
	return sum / float64(len(t.spikes))
}

// poissonTail is the chance of k events or more where mean are expected.
func poissonTail(mean float64, k int) float64 {
	p, below := math.Exp(-mean), 0.0
	for i := range k {
		below += p
		p *= mean / float64(i+1)
	}
	return math.Max(0, 1-below)
}
