package pricing

import (
	"fmt"
	"strings"
	"time"
)

// hours are a part of every day, UTC: [begins, ends) in nanoseconds since midnight; over midnight if it ends before it begins.
type hours struct {
	text         string
	begins, ends int64
}

const dayLength = int64(24 * time.Hour)

func (h *hours) cover(at int64) bool {
	t := ((at % dayLength) + dayLength) % dayLength
	if h.ends < h.begins {
		return t >= h.begins || t < h.ends
	}
	return t >= h.begins && t < h.ends
}

// apart reports whether prices of one period can stand side by side: one is of all day and the other of some hours, or their
// hours don't meet.
func apart(a, b *hours) bool {
	if (a == nil) != (b == nil) {
		return true
	}
	return a != nil && !a.cover(b.begins) && !b.cover(a.begins)
}

// daily reads the hours of the day to which a price is confined.
func (b *builder) daily(f *file, model string, e *Entry, s text) {
	if s == "" {
		return
	}
	from, to, ok := strings.Cut(string(s), "-")
	begins, err := time.Parse("15:04", from)
	ends, err2 := time.Parse("15:04", to)
	if !ok || err != nil || err2 != nil || begins.Equal(ends) {
		b.fault(f, model, "hours: %q is not a part of the day, UTC, like 16:30-00:30", s)
		return
	}
	since := func(t time.Time) int64 {
		return int64(time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute)
	}
	e.hours = &hours{string(s), since(begins), since(ends)}
}

// but is a source with what another one says laid over it.
func (s Source) but(o Source) Source {
	if o.URL != "" {
		s.URL = o.URL
	}
	if o.Via != "" {
		s.Via = o.Via
	}
	if o.Checked != "" {
		s.Checked = o.Checked
	}
	return s
}

// lengths are the words for a price per time, in milliseconds.
var lengths = map[string]uint64{"second": 1000, "minute": 60_000, "hour": 3_600_000}

// per1 is a price per second, minute or hour as one per millisecond, which must come out even.
func (p Price) per1(name string) (Price, error) {
	n := lengths[name]
	if n == 0 || p.digits == 0 {
		return p, nil
	}
	digits, exp := p.digits, p.exp
	for digits%n != 0 && digits <= maxDigits/10 && exp < maxExp/2 {
		digits, exp = digits*10, exp+1
	}
	if digits%n != 0 {
		return Price{}, fmt.Errorf("price %s a %s: no exact price per millisecond; say it per millisecond, rounded as the bill is", p, name)
	}
	return Price{digits / n, exp}.normal(), nil
}
