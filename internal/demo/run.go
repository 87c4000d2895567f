package demo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/internal/demo/apps"
	"github.com/tollkeeper/tollkeeper/internal/demo/modelserver"
	"github.com/tollkeeper/tollkeeper/internal/demo/screen"
)

// stopLimit bounds how long each part may take to stop.
const stopLimit = 60 * time.Second

// Run plays the demo once and returns what it found. The error is nil only if nothing is wrong: the product did not
// start, or Result.Problems in a sentence each.
func Run(ctx context.Context, opts Options) (Result, error) {
	if opts.For == 0 {
		opts.For = DefaultFor
	}
	d := newDirector(opts.Log)
	d.plan = planFor(opts.For)
	if !opts.JSON {
		d.screen = screen.New(opts.Out, opts.Getenv)
		defer d.screen.Close()
	}
	result, err := d.run(ctx, opts)
	if err != nil {
		return result, err
	}
	if opts.JSON {
		err = result.WriteJSON(opts.Out)
	}
	return result, errors.Join(err, result.Err())
}

// run starts gateway, model server, product and traffic, in this order, and stops them in the opposite one.
func (d *director) run(ctx context.Context, opts Options) (result Result, err error) {
	stop := func(what string, f func(context.Context) error) {
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
		defer cancel()
		if stopErr := f(limit); stopErr != nil {
			err = errors.Join(err, fmt.Errorf("stop %s: %w", what, stopErr))
		}
	}
	secret := gateway.NewSecret()
	d.servers, err = StartServers(ServersOptions{Secrets: []string{secret}, Seed: opts.Seed, OnCommand: d.onCommand, Log: opts.Log})
	if err != nil {
		return result, err
	}
	defer stop("gateway and model server", d.servers.Close)
	d.phase("starting")
	d.note(screen.Calm, "starting the engine, the broker, the collector, ingest, rollup and alerts")
	d.draw()
	running, err := opts.Start(ctx, Settings{Alerts: Rules(d.servers.WebhookURL(), []string{secret})})
	if err != nil {
		return result, fmt.Errorf("start the product: %w", err)
	}
	defer stop("the product", running.Stop)
	d.start = time.Now()
	reader, err := newWatcher(running.ClickHouse, d.start)
	if err != nil {
		return result, err
	}
	defer stop("the reader", func(context.Context) error { return reader.close() })
	d.product = reader
	d.traffic, err = StartTraffic(ctx, TrafficOptions{Gateway: d.servers.GatewayURL, OTLP: running.OTLP, Seed: opts.Seed, Log: opts.Log})
	if err != nil {
		return result, err
	}
	return d.play(ctx)
}

// play tells the story with somebody watching, stops the traffic, and judges.
func (d *director) play(ctx context.Context) (Result, error) {
	watching, done := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { d.watch(watching) })
	defer watch.Wait()
	defer done()

	spike, budget := d.tell(ctx)
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
	defer cancel()
	if err := d.traffic.Stop(limit); err != nil {
		return Result{}, fmt.Errorf("stop the traffic: %w", err)
	}
	if ctx.Err() != nil {
		return Result{}, errors.New("demo: interrupted before the verdict")
	}
	d.note(screen.Calm, "the apps have stopped; waiting for the last calls in the ledger")
	e, err := d.settle(ctx, evidence{made: d.traffic.Counts(), truth: d.servers.Model.Truth().Tenants(), spike: spike, budget: budget})
	if err != nil {
		return Result{}, err
	}
	result := judge(e)
	result.Seconds = seconds(time.Since(d.start))
	done()
	watch.Wait()
	d.conclude(&result)
	return result, nil
}

// settle reads ledger and rollups until both agree with the truth, or time is up: then what they say is the evidence.
func (d *director) settle(ctx context.Context, e evidence) (evidence, error) {
	limit, cancel := context.WithTimeout(ctx, d.plan.settle)
	defer cancel()
	for {
		b, err := d.product.calls(limit)
		rollups, err2 := d.product.spend(limit)
		if err = errors.Join(err, err2); err == nil {
			e.ledger, e.rollups = b.tenants, rollups
			d.learn(b)
			if agrees(e.truth, e.made, e.ledger) && agrees(e.truth, e.made, e.rollups) {
				return e, nil
			}
		}
		if !wait(limit, pollEvery) {
			if e.ledger == nil {
				return e, fmt.Errorf("read the ledger for the verdict: %w", err)
			}
			return e, nil
		}
	}
}

func agrees(truth map[string]modelserver.Bill, made map[string]apps.Counts, accounts map[string]account) bool {
	for tenant, c := range made {
		a, b := accounts[tenant], truth[tenant]
		if a.calls != c.Made || a.answered != b.Calls || a.amount != b.Amount {
			return false
		}
	}
	return len(accounts) == len(slices.Collect(maps.Keys(made)))
}

// conclude draws the last frame with the verdict; it stays.
func (d *director) conclude(r *Result) {
	if d.screen == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.frame.Notes, d.pending = append(d.frame.Notes, d.pending...), nil
	d.fill(&d.frame, time.Now())
	d.frame.Phase = "done"
	mood := screen.Good
	if !r.OK() {
		mood = screen.Alarm
	}
	d.frame.Verdict = append(d.frame.Verdict, screen.Note{})
	for _, l := range r.lines() {
		d.frame.Verdict = append(d.frame.Verdict, screen.Note{Text: l, Mood: mood})
	}
	d.screen.Draw(&d.frame)
}
