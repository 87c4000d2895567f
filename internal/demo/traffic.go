package demo

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/tollkeeper/tollkeeper/internal/demo/apps"
)

// TrafficOptions says what the apps call and where they report to.
type TrafficOptions struct {
	Gateway string // base URL
	OTLP    string // host:port of the collector's gRPC receiver
	Seed    uint64
	Log     *slog.Logger
}

// Traffic is the running apps.
type Traffic struct {
	apps map[string]*apps.App
	stop context.CancelFunc
	wg   sync.WaitGroup
}

// StartTraffic starts every app at its quiet pace.
func StartTraffic(ctx context.Context, opts TrafficOptions) (*Traffic, error) {
	t := &Traffic{apps: map[string]*apps.App{}}
	for i, p := range apps.Profiles() {
		a, err := apps.New(ctx, p, apps.Options{Gateway: opts.Gateway, OTLP: opts.OTLP, Seed: opts.Seed + uint64(i), Log: opts.Log})
		if err != nil {
			return nil, errors.Join(err, t.close(ctx))
		}
		t.apps[p.Tenant] = a
	}
	run, stop := context.WithCancel(ctx)
	t.stop = stop
	for _, a := range t.apps {
		t.wg.Go(func() { a.Run(run) })
	}
	return t, nil
}

// SetPace makes one tenant's app work factor times as fast as in quiet times.
func (t *Traffic) SetPace(tenant string, factor float64) { t.apps[tenant].SetPace(factor) }

// Counts returns what each tenant's app has done.
func (t *Traffic) Counts() map[string]apps.Counts {
	counts := map[string]apps.Counts{}
	for tenant, a := range t.apps {
		counts[tenant] = a.Counts()
	}
	return counts
}

// Stop ends the traffic, waits for the calls in flight, and exports every span; ctx bounds the export.
func (t *Traffic) Stop(ctx context.Context) error {
	t.stop()
	t.wg.Wait()
	return t.close(ctx)
}

func (t *Traffic) close(ctx context.Context) error {
	errs := make(chan error, len(t.apps))
	for _, a := range t.apps {
		go func() { errs <- a.Close(ctx) }()
	}
	var all []error
	for range t.apps {
		all = append(all, <-errs)
	}
	return errors.Join(all...)
}

// The endless traffic of RunTraffic: each runaway begins this long after the other ended, and lasts so long.
const (
	calmFor    = 2 * time.Minute
	runawayFor = 45 * time.Second
)

// RunTraffic runs the apps against a gateway and a collector until ctx ends; now and then one tenant runs away. It is
// the demo profile of docker-compose.yml.
func RunTraffic(ctx context.Context, opts TrafficOptions) error {
	t, err := StartTraffic(ctx, opts)
	if err != nil {
		return err
	}
	for turn := 0; wait(ctx, calmFor); turn++ {
		tenant := []string{apps.SpikeTenant, apps.BudgetTenant}[turn%2]
		opts.Log.Info("a tenant runs away", "tenant", tenant, "times", runawayPace, "for", runawayFor)
		t.SetPace(tenant, runawayPace)
		wait(ctx, runawayFor)
		t.SetPace(tenant, 1)
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	return t.Stop(stop)
}

// wait returns true after d, false if ctx ended before.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
