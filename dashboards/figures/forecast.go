package figures

import (
	"context"
	"fmt"
	"math/big"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/ledger"
)

const (
	reach = 28 * 24 * time.Hour // how far back the usual is looked for, as the alerts do
	tries = 6                   // forecasts of earlier weeks that the band is made of
	week  = 7 * 24 * time.Hour
)

// Everybody is the tenant under which the forecast of all is written.
const Everybody = "*"

type hourRow struct {
	who, amount string
	hour        int64
	calls       uint64
}

// writeForecasts foresees this month for every tenant and for all of them.
func (f *Figures) writeForecasts(ctx context.Context, now time.Time) error {
	from := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	to := from.AddDate(0, 1, 0)
	begin := now.Truncate(time.Hour).Add(-reach - (tries+1)*week - to.Sub(now))
	rows, err := read(ctx, f.conn, "figures/hours", clickhouse.Parameters{"from": second(begin), "to": second(now.Truncate(time.Hour))},
		func(r driver.Rows, x *hourRow) error { return r.Scan(&x.who, &x.hour, &x.amount, &x.calls) })
	if err != nil {
		return err
	}
	hours := map[string]map[int64]Hour{Everybody: {}}
	for _, r := range rows {
		sum, err := ledger.ParseSum(r.amount)
		if err != nil {
			return fmt.Errorf("hour of %q: %w", r.who, err)
		}
		for _, who := range []string{r.who, Everybody} {
			if hours[who] == nil {
				hours[who] = map[int64]Hour{}
			}
			h := hours[who][r.hour]
			hours[who][r.hour] = Hour{h.Spend.Add(sum), h.Calls + r.calls}
		}
	}
	spent, err := f.spent(ctx, from, now.Add(time.Hour))
	if err != nil {
		return err
	}
	type line struct {
		who               string
		low, likely, high ledger.Sum
		how               string
	}
	var lines []line
	for who, h := range hours {
		fc, err := f.deps.Project(h, spent[who], from, now, to)
		if err != nil {
			return fmt.Errorf("forecast of %q: %w", who, err)
		}
		if !fc.OK {
			continue
		}
		low, high, weeks, err := f.band(h, spent[who], fc.Total, now, to)
		if err != nil {
			return fmt.Errorf("band of %q: %w", who, err)
		}
		lines = append(lines, line{who, low, fc.Total, high, fmt.Sprintf("%s; band of %d earlier weeks", fc.How, weeks)})
	}
	if len(lines) == 0 {
		return nil
	}
	return f.insert(ctx, "figures/insert_forecasts", func(b driver.Batch) error {
		for _, l := range lines {
			if err := b.Append(from, l.who, l.low.String(), l.likely.String(), l.high.String(), l.how, now); err != nil {
				return err
			}
		}
		return nil
	})
}

func (f *Figures) spent(ctx context.Context, from, to time.Time) (map[string]ledger.Sum, error) {
	type row struct{ who, amount string }
	rows, err := read(ctx, f.conn, "figures/spent", clickhouse.Parameters{"from": second(from), "to": second(to)},
		func(r driver.Rows, x *row) error { return r.Scan(&x.who, &x.amount) })
	if err != nil {
		return nil, err
	}
	out := map[string]ledger.Sum{}
	for _, r := range rows {
		sum, err := ledger.ParseSum(r.amount)
		if err != nil {
			return nil, fmt.Errorf("spend of %q: %w", r.who, err)
		}
		out[r.who] = out[r.who].Add(sum)
		out[Everybody] = out[Everybody].Add(sum)
	}
	return out, nil
}

// band is how far the rest of the month could be off: the same forecast of a rest as long as this one, made in each of the
// earlier weeks that have the history for it, held against what was then spent; the worst ratios either way. Without such a
// week the band is the forecast itself.
func (f *Figures) band(h map[int64]Hour, spent, likely ledger.Sum, now, to time.Time) (low, high ledger.Sum, weeks int, err error) {
	rest := likely.Sub(spent)
	low, high = likely, likely
	left := to.Sub(now)
	for shift := (left + week - 1) / week * week; weeks < tries && shift <= (tries+1)*week+left; shift += week {
		then := now.Add(-shift)
		if !older(h, then.Add(-week)) {
			break
		}
		before := map[int64]Hour{}
		var happened ledger.Sum
		for at, x := range h {
			switch t := time.Unix(at, 0); {
			case t.Before(then.Truncate(time.Hour)):
				before[at] = x
			case t.Before(then.Add(left)):
				happened = happened.Add(x.Spend)
			}
		}
		fc, err := f.deps.Project(before, ledger.Sum{}, then.AddDate(0, 0, -1), then, then.Add(left))
		if err != nil {
			return low, high, weeks, err
		}
		if !fc.OK || fc.Total.Sign() <= 0 {
			continue
		}
		weeks++
		could, err := ratio(rest, happened, fc.Total)
		if err != nil {
			return low, high, weeks, err
		}
		if end := spent.Add(could); end.Cmp(low) < 0 {
			low = end
		} else if end.Cmp(high) > 0 {
			high = end
		}
	}
	return low, high, weeks, nil
}

// older says whether the history reaches back before a time.
func older(h map[int64]Hour, than time.Time) bool {
	for at := range h {
		if at < than.Unix() {
			return true
		}
	}
	return false
}

// ratio is amount × num / den, cut to units of 10⁻¹² USD.
func ratio(amount, num, den ledger.Sum) (ledger.Sum, error) {
	n := new(big.Int).Mul(whole(amount), whole(num))
	n.Quo(n, whole(den))
	negative := n.Sign() < 0
	digits := fmt.Sprintf("%0*s", ledger.MoneyScale+1, new(big.Int).Abs(n).String())
	sum, err := ledger.ParseSum(digits[:len(digits)-ledger.MoneyScale] + "." + digits[len(digits)-ledger.MoneyScale:])
	if negative {
		sum = sum.Neg()
	}
	return sum, err
}

func whole(s ledger.Sum) *big.Int {
	hi, lo := s.Words()
	n := new(big.Int).Lsh(big.NewInt(hi), 64)
	return n.Add(n, new(big.Int).SetUint64(lo))
}
