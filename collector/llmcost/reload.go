package llmcost

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/tollkeeper/tollkeeper/pricing"
)

// reload reads the price files again and again while the processor runs. A request is priced by one book; the next one by
// what was there when it came. A bad file keeps the old book, is logged once and counted.
type reload struct {
	prices  *pricing.Watch
	every   time.Duration
	log     *zap.Logger
	metrics *metrics

	cancel context.CancelFunc
	done   sync.WaitGroup
}

func (r *reload) start(context.Context, component.Host) error {
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	if r.every == 0 {
		return nil
	}
	r.done.Go(func() {
		tick := time.NewTicker(r.every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				r.look(ctx)
			}
		}
	})
	return nil
}

func (r *reload) look(ctx context.Context) {
	old := r.prices.Book()
	before := old.Version()
	changed, err := r.prices.Look()
	switch {
	case err != nil:
		r.metrics.LlmcostPriceReloads.Add(ctx, 1, r.metrics.reloadFailed)
		r.log.Error("price files were not taken: calls are priced as before", zap.String("price_version", before), zap.Error(err))
	case changed:
		r.metrics.LlmcostPriceReloads.Add(ctx, 1, r.metrics.reloadTaken)
		r.log.Info("price files taken", zap.String("price_version", r.prices.Book().Version()), zap.String("before", before))
		now := time.Now()
		if past := pricing.ChangedPast(old, r.prices.Book(), now); len(past) > 0 {
			r.log.Warn("prices of a time that has passed have changed: calls of that time keep what they were charged until they are priced again",
				zap.Int("models", len(past)), zap.String("first", past[0].Provider+"/"+past[0].Model), zap.String("run", pricing.Rerate(past, now)))
		}
	}
}

func (r *reload) stop(context.Context) error {
	if r.cancel != nil {
		r.cancel()
	}
	r.done.Wait()
	return nil
}
