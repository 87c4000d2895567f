package books

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/tollkeeper/tollkeeper/internal/goals"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
	"github.com/tollkeeper/tollkeeper/rollup"
	"github.com/tollkeeper/tollkeeper/rollup/rerate"
)

// Options are what Run is given.
type Options struct {
	Calls int    // of September
	Days  int    // of each month that have traffic, 1 to 10
	Hours int    // of each such day, 1 to 4
	Short bool   // without October, and what comes late a second time
	Dir   string // of its own, removed by the caller
	Seed  uint64
	Log   *slog.Logger
	Tell  func(string) // each stage as it begins; may be nil
}

// Books is one run of the story.
type Books struct {
	*product
	truth  truth
	prices priceList     // in the truth's words
	book   *pricing.Book // in the product's
	rng    *rand.Rand
	days   int
	hours  int
	stage  string
	rows   []goals.Row
	tell   func(string)
}

// open starts a product of its own; stop ends it.
func open(ctx context.Context, o Options) (b *Books, stop func() error, err error) {
	p, err := startProduct(ctx, o.Dir, o.Log)
	if err != nil {
		return nil, nil, err
	}
	b = &Books{product: p, rng: rand.New(rand.NewPCG(o.Seed, 4)), days: o.Days, hours: o.Hours, tell: o.Tell,
		truth: truth{frozen: map[time.Time]sums{}, rerated: map[time.Time]sums{}, allReruns: map[time.Time]sums{}}}
	if b.tell == nil {
		b.tell = func(string) {}
	}
	if err := b.setPrices(asCharged()); err != nil {
		return nil, nil, errors.Join(err, p.stop())
	}
	return b, p.stop, nil
}

// Run tells the story and returns a row per comparison.
func Run(ctx context.Context, o Options) ([]goals.Row, error) {
	b, stop, err := open(ctx, o)
	if err != nil {
		return nil, err
	}
	err = b.story(ctx, o)
	return b.rows, errors.Join(err, stop())
}

func (b *Books) story(ctx context.Context, o Options) error {
	for _, stage := range []struct {
		name string
		do   func(context.Context) error
		long bool // not of the short story
		days bool // rollup's own check looks at whole days
	}{
		{"a month of traffic", func(ctx context.Context) error { return b.traffic(ctx, september, o.Calls) }, false, false},
		{"a price cut, read late", func(ctx context.Context) error { return b.setPrices(withCut()) }, false, false},
		{"a re-rate of the open month", func(ctx context.Context) error { return b.again(ctx, september, october) }, false, true},
		{"the month is closed", func(ctx context.Context) error { return b.close(ctx, september) }, false, false},
		{"late calls and reports", func(ctx context.Context) error { return b.late(ctx, o.Calls/10) }, false, false},
		{"October's traffic", func(ctx context.Context) error { return b.traffic(ctx, october, o.Calls/5) }, true, false},
		{"prices corrected, a re-rate of both", func(ctx context.Context) error {
			if err := b.setPrices(corrected()); err != nil {
				return err
			}
			return b.again(ctx, september, november)
		}, false, false},
		{"late ones after it", func(ctx context.Context) error { return b.late(ctx, o.Calls/20) }, true, false},
		{"reopened, and a twin comes", func(ctx context.Context) error { return b.reopen(ctx, september) }, false, true},
		{"closed again", func(ctx context.Context) error { return b.close(ctx, september) }, false, true},
		{"a price for what had none, re-rated", func(ctx context.Context) error {
			if err := b.setPrices(complete()); err != nil {
				return err
			}
			return b.again(ctx, september, november)
		}, true, false},
	} {
		if stage.long && o.Short {
			continue
		}
		b.stage = stage.name
		b.tell(stage.name)
		if err := stage.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", stage.name, err)
		}
		if err := b.rollUp(ctx); err != nil {
			return fmt.Errorf("%s: %w", stage.name, err)
		}
		if err := b.compare(ctx, stage.days); err != nil {
			return fmt.Errorf("%s: %w", stage.name, err)
		}
	}
	return nil
}

func (b *Books) setPrices(l priceList) (err error) {
	b.prices = l
	b.book, err = b.product.setPrices(l)
	return err
}

// traffic sends calls, some of which a gateway reports too, some of which are delivered twice.
func (b *Books) traffic(ctx context.Context, month time.Time, n int) error {
	var out []ledger.Call
	for range n {
		c := b.new(month)
		out = append(out, b.record(c, c.reports[0]))
		if b.rng.IntN(10) == 0 {
			out = append(out, b.record(c, b.report(c, true)))
		}
		if b.rng.IntN(20) == 0 {
			out = append(out, out[b.rng.IntN(len(out))])
		}
	}
	b.rng.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return b.send(ctx, out)
}

// late sends calls of September, and gateways' reports of calls that are known.
func (b *Books) late(ctx context.Context, n int) error {
	var out []ledger.Call
	for range n {
		c := b.new(september)
		out = append(out, b.record(c, c.reports[0]))
	}
	for i := range n / 2 {
		if c := b.truth.calls[(i*7)%len(b.truth.calls)]; len(c.reports) == 1 {
			out = append(out, b.record(c, b.report(c, true)))
		}
	}
	return b.send(ctx, out)
}

// again re-rates, dry and then really, by the present prices.
func (b *Books) again(ctx context.Context, from, to time.Time) error {
	scope := rerate.Scope{From: from, To: to}
	return b.rerate(func(r *rerate.Rerate) error {
		dry, err := r.Dry(ctx, scope)
		if err != nil {
			return err
		}
		did, err := r.Start(ctx, rerate.Request{Scope: scope, Author: "finance", Reason: "prices were read late"})
		if err != nil {
			return err
		}
		before, after, changed := b.truth.rerate(b.prices, from, to)
		for i, res := range []*rerate.Result{dry, did} {
			name, n := []string{"dry run", "re-rate"}[i], 0
			var sum ledger.Sum
			for _, c := range res.Changes {
				sum = sum.Add(c.Difference())
				n += int(c.Changed)
			}
			b.row(name+": the difference", sum.String(), decimal(after.plus(before, -1).all()))
			b.row(name+": calls that change", fmt.Sprint(n), fmt.Sprint(changed))
		}
		return nil
	})
}

func (b *Books) close(ctx context.Context, month time.Time) error {
	if err := b.rollUp(ctx); err != nil {
		return err
	}
	return b.books(func(r *rollup.Rollup) error {
		p, err := r.Close(ctx, rollup.Closing{Month: month, Author: "finance", Reason: "month end"})
		if err != nil {
			return err
		}
		b.truth.close(month)
		cost, err := ledger.ParseSum(p.Cost)
		if err != nil {
			return err
		}
		_, calls, _ := b.truth.now(month)
		b.row("what it was closed on", fmt.Sprint(cost, ", ", p.Calls, " calls"), fmt.Sprint(decimal(b.truth.frozen[month].all()), ", ", calls, " calls"))
		return nil
	})
}

// reopen opens the month again; then a gateway's report of one of its calls comes.
func (b *Books) reopen(ctx context.Context, month time.Time) error {
	err := b.books(func(r *rollup.Rollup) error {
		_, err := r.Reopen(ctx, month, "finance", "a supplier's correction")
		return err
	})
	if err != nil {
		return err
	}
	delete(b.truth.frozen, month)
	delete(b.truth.rerated, month)
	for _, c := range b.truth.calls {
		if monthOf(c.at) == month && len(c.reports) == 1 {
			return b.send(ctx, []ledger.Call{b.record(c, b.report(c, true))})
		}
	}
	return nil
}

func (b *Books) row(name, got, want string) {
	b.rows = append(b.rows, goals.Row{Name: b.stage + ": " + name, Got: got, Goal: want, OK: got == want})
}

// rowOf compares amounts by tenant and shows their sum, or all of them if one differs.
func (b *Books) rowOf(name string, got map[string]string, want sums) error {
	expected := want.text()
	for t, v := range got {
		sum, err := ledger.ParseSum(v)
		if err != nil {
			return err
		}
		if got[t] = sum.String(); sum.Sign() == 0 {
			delete(got, t)
		}
	}
	if maps.Equal(got, expected) {
		sum := decimal(want.all())
		b.row(name, sum, sum)
		return nil
	}
	b.row(name, line(got), line(expected))
	return nil
}

func line(m map[string]string) string {
	var out []string
	for _, t := range slices.Sorted(maps.Keys(m)) {
		out = append(out, t+" "+m[t])
	}
	if len(out) == 0 {
		return "nothing"
	}
	return strings.Join(out, ", ")
}
