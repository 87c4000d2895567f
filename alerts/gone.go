package alerts

import (
	"fmt"
	"slices"
	"time"
)

// goneProbe is how often a gateway that answered 410 Gone is asked whether it is back, by one command that is due then.
// Standard Webhooks takes such an endpoint out of use; without the question a moment's mistake there (a route missing
// during a deployment) would end all throttling until somebody restarts this role.
const goneProbe = 10 * time.Minute

// away reports that the gateway answered 410 Gone and isn't due to be asked again.
func (t *throttles) away(now time.Time) bool { return t.gone && now.Before(t.askAgain) }

// leave takes the gateway out of use.
func (t *throttles) leave(now time.Time) {
	t.gone, t.askAgain = true, now.Add(goneProbe)
	t.metrics.gone.Set(1)
	t.log.Error("the gateway answers 410 Gone: nobody is throttled until it is back; see throttle.gateway.url and the gateway's routes",
		"gateway", t.name(), "asked_again_in", goneProbe)
}

// back puts the gateway into use again.
func (t *throttles) back() {
	if t.gone {
		t.log.Info("the gateway is back", "gateway", t.name())
	}
	t.gone = false
	t.metrics.gone.Set(0)
}

// named reports whether configuration lets a wish bite.
func (t *throttles) named(tenant string, w wish) bool {
	return slices.Contains(t.cfg.Enforce, tenant) && (w.kind != KindSpike || slices.Contains(t.cfg.EnforceSpikes, tenant))
}

// notSent says why a command is only written down.
func (t *throttles) notSent(now time.Time, tenant string, w wish) string {
	switch {
	case t.gateway == nil:
		return "not sent: throttle.gateway.url is empty"
	case t.away(now) && (t.named(tenant, w) || t.cfg.SendDryRun):
		return "not sent: the gateway answered 410 Gone; it is asked again by " + t.askAgain.UTC().Format(time.DateTime) + " UTC"
	case t.acts.frozen != nil && t.named(tenant, w):
		return fmt.Sprintf("not sent: throttles are frozen by %s: %s", t.acts.frozen.Author, t.acts.frozen.Reason)
	case !slices.Contains(t.cfg.Enforce, tenant):
		return "not sent: throttle.enforce doesn't name this tenant"
	}
	return "not sent: throttle.enforce_spikes doesn't name this tenant"
}
