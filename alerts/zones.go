package alerts

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/ledger/calendar"
)

// zonesEvery is how often the tenants' time zones are read again.
const zonesEvery = time.Minute

// zones are the time zones of tenants, by the tenant directory, as last read. A tenant without one is in UTC.
type zones struct {
	read time.Time
	of   map[string]*time.Location
}

func (z *zones) look(ctx context.Context, t *tick) error {
	if !z.read.IsZero() && t.now.Sub(z.read) < zonesEvery && !t.now.Before(z.read) {
		return nil
	}
	of, err := t.ledger.zones(ctx, t.now)
	if err != nil {
		return err
	}
	z.read, z.of = t.now, of
	return nil
}

// periods are those that a budget has: one in each time zone that its tenants are in, with who is in it.
func (z *zones) periods(rule Budget, p period) []zonedPeriod {
	if rule.TimeZone != "" || p.length != 0 {
		return []zonedPeriod{{p, func(string) bool { return true }}}
	}
	in := func(zone *time.Location) zonedPeriod {
		q := p
		q.zone = zone
		return zonedPeriod{q, func(tenant string) bool { return z.zone(tenant).String() == zone.String() }}
	}
	if rule.Tenant != everyone {
		return []zonedPeriod{in(z.zone(rule.Tenant))}
	}
	distinct := map[string]*time.Location{time.UTC.String(): time.UTC}
	for _, zone := range z.of {
		distinct[zone.String()] = zone
	}
	var out []zonedPeriod
	for _, name := range slices.Sorted(maps.Keys(distinct)) {
		out = append(out, in(distinct[name]))
	}
	return out
}

type zonedPeriod struct {
	period
	holds func(tenant string) bool
}

func (z *zones) zone(tenant string) *time.Location {
	if zone := z.of[tenant]; zone != nil {
		return zone
	}
	return time.UTC
}

// zones reads the tenants' time zones of the directory. A name that is none, which only a row by hand can have, is passed over.
func (r reader) zones(ctx context.Context, at time.Time) (map[string]*time.Location, error) {
	out := map[string]*time.Location{}
	err := r.each(ctx, "zones", params{"at": second(at)}, func(rows driver.Rows) error {
		var tenant, name string
		if err := rows.Scan(&tenant, &name); err != nil {
			return err
		}
		if zone, err := calendar.Zone(name); err == nil {
			out[tenant] = zone
		}
		return nil
	})
	return out, err
}

// A tape has no directory: its tenants are in UTC.
func (t *Tape) zones(context.Context, time.Time) (map[string]*time.Location, error) { return nil, nil }
