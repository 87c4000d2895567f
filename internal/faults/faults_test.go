package faults

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUnder(t *testing.T) {
	require.NoError(t, Under("a.", nil))
	inner := errors.New("c: wrong")
	several := errors.Join(errors.New("b: wrong"), errors.Join(inner, fmt.Errorf("d: %w", errors.Join(errors.New("x"), errors.New("y")))))
	got := Under("a.", several)
	require.EqualError(t, got, "a.b: wrong\na.c: wrong\na.d: x\ny", "a list that somebody wrapped has a key already")
	require.ErrorIs(t, got, inner)
}
