package chaos

import (
	"fmt"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// stored is a call as the view calls says it.
type stored struct {
	id
	minute                                                           time.Time
	tenant, provider, model, operation, service, environment, region string
	user, unpriced, errorClass                                       string
	cost                                                             ledger.Sum
	fresh, cacheRead, output                                         uint64
}

// cell names one row of a rollup.
type cell struct {
	window                                                           time.Time
	tenant, provider, model, operation, service, environment, region string
}

// amount is what a cell holds, as far as it is compared.
type amount struct {
	calls, unpriced, errors, fresh, cacheRead, output uint64
	cost                                              ledger.Sum
}

// String tells the amount.
func (a amount) String() string {
	return fmt.Sprintf("%d calls, %d unpriced, %d errors, %d+%d in, %d out, %s USD", a.calls, a.unpriced, a.errors, a.fresh, a.cacheRead, a.output, a.cost)
}

// recount adds the calls up in windows of the given start.
func recount(calls []stored, start func(time.Time) time.Time) map[cell]amount {
	out := map[cell]amount{}
	for i := range calls {
		c := &calls[i]
		k := cell{start(c.minute), c.tenant, c.provider, c.model, c.operation, c.service, c.environment, c.region}
		a := out[k]
		a.calls++
		if c.unpriced != "" {
			a.unpriced++
		}
		if c.errorClass != "" {
			a.errors++
		}
		a.fresh, a.cacheRead, a.output = a.fresh+c.fresh, a.cacheRead+c.cacheRead, a.output+c.output
		a.cost = a.cost.Add(c.cost)
		out[k] = a
	}
	return out
}

// windows are the starts of a minute's windows by level.
var windows = []struct {
	level string
	start func(time.Time) time.Time
}{
	{"minute", func(t time.Time) time.Time { return t }},
	{"hour", func(t time.Time) time.Time { return t.Truncate(time.Hour) }},
	{"day", func(t time.Time) time.Time { return t.Truncate(24 * time.Hour) }},
}

// recountBy adds the calls up by tenant and user; the user stands in the cell's model.
func recountBy(calls []stored, start func(time.Time) time.Time) map[cell]amount {
	out := map[cell]amount{}
	for i := range calls {
		c := &calls[i]
		k := cell{window: start(c.minute), tenant: c.tenant, model: c.user}
		a := out[k]
		a.calls++
		if c.unpriced != "" {
			a.unpriced++
		}
		if c.errorClass != "" {
			a.errors++
		}
		a.cost = a.cost.Add(c.cost)
		out[k] = a
	}
	return out
}
