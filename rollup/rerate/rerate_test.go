package rerate

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/rollup"
)

func TestADryRunSaysWhatARunThenDoes(t *testing.T) {
	w := newWorld(t)
	w.fill()
	w.rollUp()
	r := w.rerate(cut)
	var seen []Progress
	r.progress = func(p Progress) { seen = append(seen, p) }
	dry, err := r.Dry(t.Context(), request().Scope)
	require.NoError(t, err)
	require.Len(t, seen, 3)
	require.EqualValues(t, len(w.calls), dry.Calls)
	w.settledBefore(old)
	did, err := r.Start(t.Context(), request())
	require.NoError(t, err)
	require.Equal(t, dry.Changes, did.Changes)
	require.Len(t, did.Changes, 2, "two tenants' calls of the model whose price was cut")
	for _, c := range did.Changes {
		big := func(l *ledger.Call) bool { return l.Tenant == c.Tenant && l.Model == "big" }
		require.Equal(t, old.total(w.calls, big), c.Before)
		require.Equal(t, cut.total(w.calls, big), c.After)
		require.EqualValues(t, 5, c.Changed)
	}
	require.Equal(t, []string{old.book(t).Version()}, did.Run.Before)
	require.Equal(t, cut.book(t).Version(), did.Run.Book)
	require.Equal(t, []any{Finished, "ada", "the price was wrong", uint64(3)}, []any{did.Run.State, did.Run.Author, did.Run.Reason, did.Run.Hours})
	w.settled(old.total(w.calls, all), cut.total(w.calls, all), len(w.calls))
	require.Equal(t, "22", w.one("SELECT toString(countIf(team = 'blue')) FROM call_reports FINAL"), "what isn't about the price stays; who gave way is rated too")
	require.Equal(t, "12", w.one("SELECT toString(countIf(price_version = '"+cut.book(t).Version()+"')) FROM call_reports FINAL"))
	again, err := r.Start(t.Context(), request())
	require.NoError(t, err)
	require.Empty(t, again.Changes, "by the same book nothing changes")
	require.Equal(t, "0", w.one("SELECT toString(count()) FROM rerate_reports"))
}

func TestATenantAndAModelAlone(t *testing.T) {
	w := newWorld(t)
	w.fill()
	q := request()
	tenant := "acme"
	q.Tenant, q.Model, q.To = &tenant, "big", january.Add(time.Hour)
	which := func(c *ledger.Call) bool { return c.Tenant == "acme" && c.Model == "big" && c.Minute < q.To.Unix() }
	_, err := w.rerate(cut).Start(t.Context(), q)
	require.NoError(t, err)
	w.settled(old.total(w.calls, all), old.total(w.calls, all).Add(cut.total(w.calls, which)).Sub(old.total(w.calls, which)), len(w.calls))
}

func TestAbandoning(t *testing.T) {
	w := newWorld(t)
	w.fill()
	r := w.rerate(cut)
	r.interrupt = func(step string, hour time.Time) error {
		if step == "prepared" && hour.Equal(january.Add(time.Hour)) {
			return errStopped
		}
		return nil
	}
	_, err := r.Start(t.Context(), request())
	require.ErrorIs(t, err, errStopped)
	_, err = w.rollup.Close(t.Context(), rollup.Closing{Month: january, Author: "ben", Reason: "month end"})
	require.ErrorContains(t, err, "re-rate 1 is at it")
	run, err := w.rerate(old).Abandon(t.Context())
	require.NoError(t, err)
	require.Equal(t, []any{Abandoned, uint64(2)}, []any{run.State, run.Hours})
	early := func(c *ledger.Call) bool { return c.Minute < january.Add(2*time.Hour).Unix() }
	w.settled(old.total(w.calls, all), cut.total(w.calls, early).Add(old.total(w.calls, func(c *ledger.Call) bool { return !early(c) })), len(w.calls))
	_, err = w.rerate(old).Abandon(t.Context())
	require.ErrorIs(t, err, ErrNothing)
}

func TestWhatCannotBeAsked(t *testing.T) {
	r := New(Deps{SealedBefore: january})
	_, err := r.Start(t.Context(), Request{Scope: Scope{From: january.Add(-time.Minute), To: january.Add(-time.Hour)}})
	for _, want := range []string{"whole hour", "not before", "about to expire", "--author", "--reason"} {
		require.ErrorContains(t, err, want)
	}
}

// TestAPriceCutDoesNotChangeAClosedMonth is ccusage's issue 1636: prices were cut, and what months of the past had cost changed
// with every reload of the price list. Here a closed month stays as it was charged, and what a re-rate finds is booked in the open
// one, under its author and reason.
func TestAPriceCutDoesNotChangeAClosedMonth(t *testing.T) {
	w := newWorld(t)
	w.fill()
	february := w.call(january.AddDate(0, 1, 3), "acme", "big", old)
	w.calls = append(w.calls, february)
	w.store(february)
	w.rollUp()
	p, err := w.rollup.Close(t.Context(), rollup.Closing{Month: january, Author: "ben", Reason: "month end", Force: true})
	require.NoError(t, err)
	before := func(c *ledger.Call) bool { return c.Minute < january.AddDate(0, 1, 0).Unix() }
	after := func(c *ledger.Call) bool { return !before(c) }
	charged := old.total(w.calls, before)
	closed := func() {
		t.Helper()
		w.rollUp()
		w.rollUp() // adjustments of an open hour ask for its minutes
		require.Equal(t, charged.String(), w.sum("SELECT toString(sum(cost)) FROM spend(from = '2026-01-01 00:00:00', to = '2026-02-01 00:00:00')"))
		now, err := w.rollup.Period(t.Context(), january)
		require.NoError(t, err)
		require.Equal(t, p, now)
	}
	q := request()
	q.To = january.AddDate(0, 2, 0)
	did, err := w.rerate(cut).Start(t.Context(), q)
	require.NoError(t, err)
	require.Equal(t, []bool{true, true, false}, []bool{did.Changes[0].Closed, did.Changes[1].Closed, did.Changes[2].Closed})
	closed()
	rerated := cut.total(w.calls, before).Sub(charged)
	require.Equal(t, rerated.String(), w.sum("SELECT toString(sum(cost)) FROM adjustments_now WHERE kind = 'rerate' AND author = 'ada' AND reason = 'the price was wrong' AND booked = '2026-02-01' AND toStartOfMonth(original) = '2026-01-01'"))
	require.Equal(t, rerated.String(), w.sum("SELECT toString(sum(cost)) FROM adjustments_now"))
	require.Equal(t, cut.total(w.calls, after).String(), w.sum("SELECT toString(sum(cost)) FROM spend(from = '2026-02-01 00:00:00', to = '2026-03-01 00:00:00')"))
	require.Equal(t, []string{rerated.String(), cut.total(w.calls, after).Sub(old.total(w.calls, after)).String()}, []string{
		w.sum("SELECT toString(sumIf(after - before, NOT included)) FROM rerated" + span), w.sum("SELECT toString(sumIf(after - before, included)) FROM rerated" + span)})

	late := w.call(january.Add(time.Minute), "acme", "big", cut) // and a late call beside it
	w.store(late)
	closed()
	require.Equal(t, ledger.SumOf(late.TotalCost()).String(), w.sum("SELECT toString(sum(cost)) FROM adjustments_now WHERE kind = 'late_call'"))
	require.Equal(t, rerated.String(), w.sum("SELECT toString(sum(cost)) FROM adjustments_now WHERE kind = 'rerate'"))

	// The old prices were right after all: February is closed, so March takes it back.
	_, err = w.rollup.Close(t.Context(), rollup.Closing{Month: january.AddDate(0, 1, 0), Author: "ben", Reason: "month end", Force: true})
	require.NoError(t, err)
	q.Author, q.Reason, q.To = "cyd", "the cut is from June on", january.AddDate(0, 1, 0)
	_, err = w.rerate(old).Start(t.Context(), q)
	require.NoError(t, err)
	closed()
	back := rerated.Neg().AddMoney(old.of(&late)).Sub(ledger.SumOf(late.TotalCost()))
	require.Equal(t, back.String(), w.sum("SELECT toString(sum(cost)) FROM adjustments_now WHERE booked = '2026-03-01' AND kind = 'rerate' AND author = 'cyd'"))
	require.Equal(t, rerated.String(), w.sum("SELECT toString(sum(cost)) FROM adjustments_now WHERE booked = '2026-02-01' AND kind = 'rerate'"), "February is closed with it")

	// Reopened, January's own totals hold what its calls cost now, and closed again they still do.
	_, err = w.rollup.Reopen(t.Context(), january, "ben", "to see")
	require.NoError(t, err)
	w.rollUp()
	w.rollUp()
	now := charged.AddMoney(old.of(&late))
	january_ := "(from = '2026-01-01 00:00:00', to = '2026-02-01 00:00:00')"
	require.Equal(t, now.String(), w.sum("SELECT toString(sum(cost)) FROM spend"+january_))
	require.Equal(t, ledger.Sum{}.String(), w.sum("SELECT toString(sum(cost)) FROM adjustments_now"))
	_, err = w.rollup.Close(t.Context(), rollup.Closing{Month: january, Author: "ben", Reason: "month end", Force: true})
	require.NoError(t, err)
	w.rollUp()
	require.Equal(t, now.String(), w.sum("SELECT toString(sum(cost)) FROM spend"+january_))
	require.Equal(t, ledger.Sum{}.String(), w.sum("SELECT toString(sum(cost)) FROM adjustments_now"))
}
