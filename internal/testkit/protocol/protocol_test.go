package protocol

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A counter that goes up to 3 by ones or twos, which is good; what it does at some numbers differs.
func counter(judge func(*int) Verdict, stuck int) *Model[int] {
	return &Model[int]{
		Next: func(s *int, yield func(Move, int)) {
			if *s >= 3 || *s == stuck {
				return
			}
			yield(Move{"one", -1, -1}, *s+1)
			yield(Move{"two", 1, 0}, *s+2)
		},
		Judge: judge,
	}
}

func TestSearch(t *testing.T) {
	fine := func(s *int) Verdict {
		if *s >= 3 {
			return Good
		}
		return Going
	}
	require.Equal(t, Found{nil, 5}, counter(fine, -1).Search())
	require.Equal(t, []string{"one", "bad"}, counter(func(s *int) Verdict {
		if *s == 1 {
			return Bad
		}
		return fine(s)
	}, -1).Search().Path)
	require.Equal(t, []string{"worker 1: two (0)", "it never ends well"}, counter(fine, 2).Search().Path)
}

func TestMarks(t *testing.T) {
	m := Marks(0).Add().Read(0).Add().Read(1).Add() // one that both have read, one that the second has read, one that nobody has
	require.Equal(t, m.Read(0).Mirrored(), m.Mirrored().Read(1))
	require.Equal(t, m, m.Mirrored().Mirrored())
	require.Equal(t, Marks(0).Add(), m.Remove(1))
	require.Equal(t, Marks(0).Add().Read(1).Add(), m.Remove(0))
	require.Equal(t, Marks(0).Add(), m.Forget(0).Forget(1))
	require.False(t, m.Read(0).Remove(0).Any())
}

func TestClaims(t *testing.T) {
	rank := func(highest uint8, others ...uint8) []uint8 {
		c := Ranked(&highest)
		for i := range others {
			c.And(&others[i])
		}
		c.Rank()
		return append([]uint8{highest}, others...)
	}
	require.Equal(t, []uint8{0, 0, 1}, rank(0, 0, 1))
	require.Equal(t, []uint8{3, 1, 4, 0, 2}, rank(9, 3, 10, 0, 5), "the one after the highest stays that")
	require.Equal(t, []uint8{1, 1, 0}, rank(7, 7, 0))
}
