package pricing

import (
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// What was asked for before changes nothing: names that share their place in the memory are told apart, also while others ask.
func TestNamesThatShareAPlaceAreToldApart(t *testing.T) {
	b := builtin(t)
	var names []modelKey
	places := map[any]int{}
	for k := range b.series {
		names = append(names, k, modelKey{k.provider, k.model + "-no-such"}, modelKey{k.provider, strings.ToUpper(k.model)}, modelKey{"", k.model})
	}
	for _, k := range names {
		places[b.recent.of(k.provider, k.model)]++
	}
	require.Greater(t, len(names), 3*len(places))
	var group sync.WaitGroup
	for seed := range uint64(4) {
		group.Go(func() {
			random := rand.New(rand.NewPCG(seed, 1))
			for range 20_000 {
				k := names[random.IntN(len(names))]
				want, ok := b.series[k]
				if !ok {
					want = b.resolve(k.provider, k.model)
				}
				if got := b.find(k.provider, k.model); got != want {
					t.Errorf("%s/%s is taken for %v", k.provider, k.model, got)
				}
			}
		})
	}
	group.Wait()
}
