package alerts

import (
	"context"
	"fmt"
)

// standBy returns when this process leads, false if ctx ends before.
func (a *Alerts) standBy(ctx context.Context) bool {
	told := ""
	for {
		_, err := a.lead.leads()
		if err == nil {
			if told != "" {
				a.log.Info("this alerts process leads now")
			}
			return true
		}
		first, asked := a.lead.told()
		if asked == nil && first != "" {
			var ready error
			a.ready.Store(&ready)
		} else {
			a.ready.Store(&err)
		}
		if err.Error() != told {
			told = err.Error()
			if asked != nil {
				a.log.Warn("alerts wait for the database", "error", asked)
			} else {
				a.log.Info("alerts stand by", "reason", told)
			}
		}
		select {
		case <-ctx.Done():
			return false
		case <-a.lead.renewed:
		}
	}
}

// overtaken is an error once another process has led since this one did.
func (a *Alerts) overtaken() error {
	if a.lead == nil || !a.lead.isLost() {
		return nil
	}
	_, err := a.lead.leads()
	return fmt.Errorf("alerts: %w: start this process again, and it stands by", err)
}

// evaluateLeading is evaluate, for as long as this process leads.
func (a *Alerts) evaluateLeading(ctx context.Context) error {
	if a.lead == nil {
		return a.evaluate(ctx)
	}
	until, err := a.lead.leads()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	return a.evaluate(ctx)
}
