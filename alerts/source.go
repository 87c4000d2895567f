package alerts

import (
	"context"
	"time"

	"github.com/tollkeeper/tollkeeper/alerts/detect"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// Dimensions by which a rule may look closer than at a tenant.
const (
	byTenant        = "" // no closer
	byTeam          = "team"
	byKey           = "key"
	byModel         = "model"
	byProviderModel = "provider_model"
	byPart          = "part" // of a throttle's subject, for people
)

// who is a tenant, or one team, key or model of it.
type who struct{ tenant, value string }

// String is what people call it.
func (w who) String() string {
	if w.value == "" {
		return w.tenant
	}
	return w.tenant + " " + w.value
}

// source is what evaluations read: the ledger (reader), or a series in memory when history is replayed (Tape). Everything
// that decides is the same for both.
type source interface {
	// open yields the calls of the minutes [from, to) in buckets of receipt time.
	open(ctx context.Context, dimension string, from, to time.Time, bucket time.Duration, yield func(w who, minute, bucket int64, c cell)) error
	// closed is the spend of [from, to) in whole minutes, or whole hours by team and key.
	closed(ctx context.Context, dimension string, from, to time.Time) (map[who]total, error)
	// exact is the spend by the calls' start.
	exact(ctx context.Context, w window) (map[who]total, error)
	// hours is the history by whole hours.
	hours(ctx context.Context, dimension string, from, to time.Time) (map[who]detect.Hours, error)
	// dispersions are those of tenants, and of all together ("") on each whole day of [from, to), by cells of
	// detect.GrainCell. Days are known by their begin in Unix seconds.
	dispersions(ctx context.Context, from, to time.Time) (days, error)
	// heavy lists what reached the rule's limits, as they are for its tenant, in [from, to): the dearest first.
	heavy(ctx context.Context, r Runaway, from, to time.Time) ([]heavy, error)
	// crossings yields when tenants' totals in a window reached what they need.
	crossings(ctx context.Context, w window, tenants []string, needs map[string]ledger.Sum, yield func(tenant string, at time.Time)) error
	// pulse is a sign of the minutes [from, to) that changes whenever a call of theirs is stored.
	pulse(ctx context.Context, from, to time.Time) (string, error)
	pendingMinute(ctx context.Context, from, changed time.Time) (at time.Time, ok bool, err error)
	completeTo(ctx context.Context) (time.Time, error)
	// quotas are the providers' limits that responses told of in [from, to), by tenant and provider/model.
	quotas(ctx context.Context, from, to time.Time) (map[who]quota, error)
	// zones are the time zones of tenants at a time; who has none is in UTC.
	zones(ctx context.Context, at time.Time) (map[string]*time.Location, error)
}

// days are days → tenants → how what they did was spread over the day.
type days map[int64]map[string]spread

// spread tells how coarse spend and calls were.
type spread struct{ spend, calls detect.Dispersion }

// grains are how coarse they usually are.
type grains struct {
	spend ledger.Sum
	calls uint64
}

// cell is what was received of one subject in one bucket.
type cell struct {
	spend                             ledger.Sum
	biggest                           ledger.Sum // the most expensive call
	calls, unpriced, flagged, limited uint64
	tokens                            uint64
	newest                            time.Time // the newest receipt
}

func (c *cell) add(o cell) {
	c.spend = c.spend.Add(o.spend)
	if o.biggest.Cmp(c.biggest) > 0 {
		c.biggest = o.biggest
	}
	c.calls += o.calls
	c.unpriced += o.unpriced
	c.flagged += o.flagged
	c.limited += o.limited
	c.tokens += o.tokens
	c.newest = later(c.newest, o.newest)
}

// total is a sum of calls.
type total struct {
	spend           ledger.Sum
	calls, unpriced uint64
}

func (t total) plus(o total) total {
	return total{t.spend.Add(o.spend), t.calls + o.calls, t.unpriced + o.unpriced}
}

// heavy is a trace, a conversation, an agent or a key that has run away.
type heavy struct {
	who
	total
	newest time.Time
}
