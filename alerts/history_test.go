package alerts

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/alerts/detect"
)

// asked is a ledger that remembers which days it was asked for.
type asked struct {
	*Tape
	days []string
}

func (a *asked) dispersions(ctx context.Context, from, to time.Time) (days, error) {
	for at := from; at.Before(to); at = at.Add(day) {
		a.days = append(a.days, at.Format(time.DateOnly))
	}
	return a.Tape.dispersions(ctx, from, to)
}

// However much a day holds, no evaluation reads more than one of them, and each is read once.
func TestDaysAreReadOneByOne(t *testing.T) {
	ledger := &asked{Tape: NewTape(nil)}
	h := newHistory(0)
	h.perLook = daysPerLook
	at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	look := func() {
		at = at.Add(time.Second)
		for range 3 { // tenants
			_, err := h.grain(t.Context(), &tick{now: at, ledger: ledger}, "acme")
			require.NoError(t, err)
		}
	}
	look()
	require.Equal(t, []string{"2026-11-19"}, ledger.days, "what is newest first")
	look()
	require.Equal(t, []string{"2026-11-19", "2026-11-18"}, ledger.days)
	for range 20 {
		look()
	}
	require.Len(t, ledger.days, detect.GrainDays)
	require.Equal(t, "2026-11-06", ledger.days[detect.GrainDays-1])
	at = at.Add(day)
	look()
	look()
	require.Equal(t, "2026-11-20", ledger.days[detect.GrainDays])
	require.Len(t, ledger.days, detect.GrainDays+1)
	require.Len(t, h.days, detect.GrainDays)
}
