package genai

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tollkeeper/tollkeeper/collector/genai/inplace"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// sorted is what a layout that knows nothing finds.
func sorted(list []inplace.Pair) layout {
	l := newLayout()
	l.follow(list)
	return l
}

// Whatever stood where before, the fields are found as if nothing had: keys that are read and others, alike but for one letter at any place,
// longer than a place remembers, none at all; values that are empty; more attributes than there are places; and a field set by hand.
func TestALayoutIsThatOfTheSpanAtHand(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var names []string
	for _, k := range keys {
		names = append(names, k.name)
	}
	for _, k := range keys[:40] {
		at := random.IntN(len(k.name))
		names = append(names, k.name[:at]+"_"+k.name[at+1:], k.name+"s", k.name[1:])
	}
	for n := 55; n < 66; n++ {
		names = append(names, strings.Repeat("x", n), strings.Repeat("x", n-1)+"y", ledger.AttrPrefix+strings.Repeat("x", n))
	}
	names = append(names, "", "a", ledger.AttrPrefix+"cost")
	l := newLayout()
	m, before := pcommon.NewMap(), 0
	for i := range 4_000 {
		if i%3 == 0 { // else the last span again, with a change or none
			m = pcommon.NewMap()
			for range random.IntN(30) + i%500/499*maxPlaces {
				m.PutStr(names[random.IntN(len(names))], "x")
			}
			for j := range i % 500 / 499 * maxPlaces {
				m.PutStr(fmt.Sprint("more.", j), "x")
			}
		} else if m.Len() > 0 && i%3 == 1 {
			changed := names[random.IntN(len(names))]
			m.PutStr(changed, []string{"", "y"}[random.IntN(2)])
		}
		list := inplace.Of(m)
		l.follow(list)
		want := sorted(list)
		require.Equal(t, want.present, l.present)
		require.Equal(t, want.fields, l.fields)
		require.Equal(t, want.ours, l.ours)
		for f := range field(numFields) {
			if l.has(f) {
				require.Equal(t, want.best[f], l.best[f])
				require.Equal(t, want.at[f], l.at[f])
			}
		}
		if len(list) > maxPlaces {
			before++
		}
		if i%7 == 0 {
			l.set(field(random.IntN(numFields)), 0)
		}
	}
	require.Positive(t, before, "no span had more attributes than there are places")
}
