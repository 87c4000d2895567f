package books

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tollkeeper/tollkeeper/internal/goals"
	"github.com/tollkeeper/tollkeeper/rollup"
	"github.com/tollkeeper/tollkeeper/rollup/rerate"
)

// act is something that can happen to the books of two months.
type act struct {
	name string
	do   func(context.Context) error
}

// Script lets steps acts happen in an order that nobody thought of, and compares after each. Half of the closings and re-rates are cut
// off somewhere, as by a kill, and then done again.
func Script(ctx context.Context, o Options, steps int) ([]goals.Row, error) {
	b, stop, err := open(ctx, o)
	if err != nil {
		return nil, err
	}
	err = b.play(ctx, o.Calls, steps)
	return b.rows, errors.Join(err, stop())
}

func (b *Books) play(ctx context.Context, calls, steps int) error {
	do := func(number int, a act) error {
		b.stage = fmt.Sprintf("%d. %s", number, a.name)
		b.tell(b.stage)
		if err := a.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", b.stage, err)
		}
		if err := b.rollUp(ctx); err != nil {
			return fmt.Errorf("%s: %w", b.stage, err)
		}
		if err := b.compare(ctx, false); err != nil {
			return fmt.Errorf("%s: %w", b.stage, err)
		}
		return nil
	}
	for i, month := range []time.Time{september, october} {
		if err := do(i+1, act{"traffic of " + month.Format("January"), func(ctx context.Context) error { return b.traffic(ctx, month, calls) }}); err != nil {
			return err
		}
	}
	for n := 3; n <= steps; n++ {
		acts := b.possible(calls)
		if err := do(n, acts[b.rng.IntN(len(acts))]); err != nil {
			return err
		}
	}
	return nil
}

// possible are the acts that may come next.
func (b *Books) possible(calls int) []act {
	month := []time.Time{september, october}[b.rng.IntN(2)]
	name := month.Format("January")
	acts := []act{
		{"calls and reports of " + name, func(ctx context.Context) error { return b.traffic(ctx, month, 1+b.rng.IntN(1+calls/4)) }},
		{"late calls and twins", func(ctx context.Context) error { return b.late(ctx, 2+b.rng.IntN(1+calls/8)) }},
		{"another price", func(context.Context) error { return b.setPrices(append(b.prices, b.anotherPrice()...)) }},
		{"a re-rate of some days", func(ctx context.Context) error { return b.cutRerate(ctx) }},
		{"a re-rate of both months", func(ctx context.Context) error { return b.again(ctx, september, november) }},
	}
	if b.truth.frozen[month] == nil {
		acts = append(acts, act{"closing " + name, func(ctx context.Context) error { return b.cutClose(ctx, month) }})
	} else {
		acts = append(acts,
			act{"closing " + name + " twice", func(ctx context.Context) error { return b.closeTwice(ctx, month) }},
			act{"reopening " + name, func(ctx context.Context) error { return b.reopen(ctx, month) }})
	}
	return acts
}

// anotherPrice takes effect in the middle of a minute that has calls, or at a midnight.
func (b *Books) anotherPrice() priceList {
	from := september.AddDate(0, 0, b.rng.IntN(b.days)*(30/b.days))
	if b.rng.IntN(2) == 0 {
		from = from.Add(5*time.Hour + 29*time.Minute + time.Duration(5+b.rng.IntN(20))*time.Second)
	}
	for _, e := range b.prices {
		if model := models[0]; e.model == model && !e.from.Before(from) {
			from = e.from.Add(time.Duration(1+b.rng.IntN(48)) * time.Hour)
		}
	}
	return priceList{{models[0], from, price{1_000_000 + b.rng.Int64N(3_000_000), b.rng.Int64N(1_000_000), 5_000_000 + b.rng.Int64N(9_000_000)}}}
}

// cut gives do a context that ends somewhere in the middle, or not.
func (b *Books) cut(ctx context.Context, do func(context.Context) error) error {
	if b.rng.IntN(2) == 0 {
		return do(ctx)
	}
	short, cancel := context.WithTimeout(ctx, time.Duration(1+b.rng.IntN(400))*time.Millisecond)
	defer cancel()
	return do(short)
}

func (b *Books) cutClose(ctx context.Context, month time.Time) error {
	if err := b.rollUp(ctx); err != nil {
		return err
	}
	err := b.cut(ctx, func(ctx context.Context) error {
		return b.books(func(r *rollup.Rollup) error {
			_, err := r.Close(ctx, rollup.Closing{Month: month, Author: "finance", Reason: "month end, cut off"})
			return err
		})
	})
	if err == nil { // it was quick enough
		b.truth.close(month)
		return nil
	}
	return b.books(func(r *rollup.Rollup) error {
		p, err := r.Period(ctx, month)
		if err != nil {
			return err
		}
		if p.State == "closed" && p.Evidence != "" { // only the answer was lost
			b.truth.close(month)
			return nil
		}
		return b.close(ctx, month)
	})
}

func (b *Books) closeTwice(ctx context.Context, month time.Time) error {
	return b.books(func(r *rollup.Rollup) error {
		_, err := r.Close(ctx, rollup.Closing{Month: month, Author: "somebody", Reason: "again"})
		b.row("it is refused", fmt.Sprint(errors.Is(err, rollup.ErrNotClosable)), "true")
		return nil
	})
}

// cutRerate re-rates whole days, and goes on with it if it was cut off.
func (b *Books) cutRerate(ctx context.Context) error {
	from := september.AddDate(0, 0, b.rng.IntN(40))
	to := from.AddDate(0, 0, 1+b.rng.IntN(30))
	if to.After(november) {
		to = november
	}
	err := b.cut(ctx, func(ctx context.Context) error {
		return b.rerate(func(r *rerate.Rerate) error {
			_, err := r.Start(ctx, rerate.Request{Scope: rerate.Scope{From: from, To: to}, Author: "finance", Reason: "prices were read late"})
			return err
		})
	})
	if err != nil {
		err = b.rerate(func(r *rerate.Rerate) error {
			_, err := r.Resume(ctx)
			if errors.Is(err, rerate.ErrNothing) { // it had not begun, or only the answer was lost: then this changes nothing
				_, err = r.Start(ctx, rerate.Request{Scope: rerate.Scope{From: from, To: to}, Author: "finance", Reason: "prices were read late"})
			}
			return err
		})
	}
	if err != nil {
		return err
	}
	b.truth.rerate(b.prices, from, to)
	return nil
}
