package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tollkeeper/tollkeeper/alerts"
	"github.com/tollkeeper/tollkeeper/dashboards/viewer"
	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
)

func (a *App) startViewer(ctx context.Context) error {
	deps := viewer.Deps{
		ClickHouse: a.cfg.ClickHouse.URL, Log: a.opts.Log.With("role", "viewer"), Version: a.opts.Version,
		OTLPGRPC: a.otlpGRPC, OTLPHTTP: a.otlpHTTP, Rules: a.rulesForViewer,
		Book: func() (*pricing.Book, error) { return pricing.Load(a.cfg.Collector.LLMCost.PriceFiles...) },
	}
	if a.cfg.Alerts.Throttle.Gateway.URL != "" {
		deps.Act = a.actForViewer
	}
	v, err := viewer.New(a.cfg.Viewer, deps)
	if err != nil {
		return err
	}
	a.viewer = v.Addr()
	return a.run(ctx, "viewer", v.Run, v.Ready)
}

// actForViewer is tollkeeper throttle for the page.
func (a *App) actForViewer(ctx context.Context, act viewer.Act) (string, error) {
	hand, done, err := ByHand(a.cfg, act.Author, act.Reason)
	if err != nil {
		return "", err
	}
	defer done()
	subject := gateway.Subject{Tenant: act.Tenant, Team: act.Team, Key: act.Key, User: act.User, Model: act.Model}
	var ack gateway.Ack
	switch act.Do {
	case "freeze":
		return "automatic throttles are frozen; what was applied by hand stays", hand.SetFrozen(ctx, true)
	case "unfreeze":
		return "automatic throttles may go on", hand.SetFrozen(ctx, false)
	case "release":
		ack, err = hand.Release(ctx, subject)
	case "apply":
		limits := gateway.Limits{Requests: act.Requests}
		if act.USD != "" {
			if limits.USD, err = ledger.ParseMoney(act.USD); err != nil {
				return "", fmt.Errorf("USD a minute: %w", err)
			}
		}
		if limits != (gateway.Limits{}) {
			limits.Per = time.Minute
		}
		ack, err = hand.Apply(ctx, subject, gateway.Level(act.Level), limits, time.Duration(act.Minutes)*time.Minute)
	default:
		err = fmt.Errorf("no act %q", act.Do)
	}
	if err != nil {
		return "", err
	}
	if ack.State.Sequence == 0 {
		return "the gateway took it and doesn't tell what it holds; look at the tenant's calls", nil
	}
	return fmt.Sprintf("the gateway holds sequence %d, level %s", ack.State.Sequence, ack.State.Level), nil
}

// rulesForViewer are the rules of the configuration and the budgets of the database.
func (a *App) rulesForViewer(ctx context.Context) (out []viewer.Rule, err error) {
	j, err := alerts.OpenJournal(a.cfg.ClickHouse.URL, a.cfg.Alerts.Notify)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	rules, err := j.RulesInForce(ctx, a.cfg.Alerts)
	if err != nil {
		return nil, err
	}
	for _, d := range rules.Describe(a.cfg.Alerts.Throttle) {
		out = append(out, viewer.Rule(d))
	}
	return out, nil
}
