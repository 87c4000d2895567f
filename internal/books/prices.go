package books

import (
	"fmt"
	"os"
	"strings"
	"time"
)

var (
	september = time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)
	october   = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	november  = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
)

// The price lists, in the order in which the operator has them: as calls are charged, with a cut from the middle of September that
// is read late, with a correction of all of September, and with the model that had no price.
func asCharged() priceList {
	return priceList{{"gpt-4o", time.Time{}, price{2_500_000, 1_250_000, 10_000_000}}, {"gpt-4o-mini", time.Time{}, price{150_000, 75_000, 600_000}}}
}

func withCut() priceList {
	return append(asCharged(), priceList{{"gpt-4o", september.AddDate(0, 0, 14), price{2_000_000, 500_000, 8_000_000}}}...)
}

func corrected() priceList {
	return append(withCut(), priceList{{"gpt-4o-mini", september, price{160_001, 40_003, 640_007}}}...)
}

func complete() priceList {
	return append(corrected(), priceList{{"not-in-a-price-book", time.Time{}, price{1_000_000, 1_000_000, 3_333_333}}}...)
}

// write makes it a price file of the product.
func (l priceList) write(path string) error {
	var b strings.Builder
	b.WriteString("provider: openai\nsource: {via: make books, checked: 2026-09-01}\nmodels:\n")
	for i, e := range l {
		if !e.from.IsZero() && i > 0 && l.index(e.model) != i {
			continue
		}
		fmt.Fprintf(&b, "  - model: %s\n    prices:\n", e.model)
		for j := range l {
			if l[j].model != e.model {
				continue
			}
			b.WriteString("      - ")
			if !l[j].from.IsZero() {
				fmt.Fprintf(&b, "from: %s\n        ", l[j].from.Format(time.RFC3339))
			}
			if to := l.until(j); !to.IsZero() {
				fmt.Fprintf(&b, "to: %s\n        ", to.Format(time.RFC3339))
			}
			million := func(n int64) string { return fmt.Sprintf("%d.%06d", n/1_000_000, n%1_000_000) }
			fmt.Fprintf(&b, "usd_per_million: {input: %s, cache_read: %s, output: %s}\n", million(l[j].price.input), million(l[j].price.cached), million(l[j].price.output))
		}
	}
	return os.WriteFile(path, []byte(b.String()), 0o600)
}

// index is the model's first entry.
func (l priceList) index(model string) int {
	for i := range l {
		if l[i].model == model {
			return i
		}
	}
	return -1
}

// until is when the model's next entry takes over.
func (l priceList) until(i int) time.Time {
	for _, e := range l[i+1:] {
		if e.model == l[i].model {
			return e.from
		}
	}
	return time.Time{}
}
