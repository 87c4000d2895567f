package gateway

import (
	"math"
	"math/bits"
	"time"
)

// meter holds one kind of limit: requests, tokens or 10⁻¹² USD. The balance goes below zero when calls that were
// already admitted turn out larger than what was left; the debt is paid back by time before anything is admitted.
type meter struct {
	limit   int64 // 0 = unlimited
	per     time.Duration
	pace    bool // refill continuously (slow) instead of once per period (cap)
	balance int64
	at      time.Time // up to when refills are booked
}

func newMeter(limit int64, per time.Duration, level Level, now time.Time) meter {
	m := meter{limit: limit, per: per, pace: level == Slow, at: now}
	m.balance = m.full()
	return m
}

// full is the largest balance: the whole limit, or a tenth of it where the limit is a pace.
func (m *meter) full() int64 {
	if m.pace {
		return max(1, m.limit/10)
	}
	return m.limit
}

// refill books what time has given back up to now. A clock that steps back gives nothing and takes nothing.
func (m *meter) refill(now time.Time) {
	elapsed := now.Sub(m.at)
	if m.limit == 0 || elapsed <= 0 {
		return
	}
	if !m.pace {
		if n := int64(elapsed / m.per); n > 0 {
			m.balance = min(m.full(), saturatingAdd(m.balance, mulDiv(n, m.limit, 1, false)))
			m.at = m.at.Add(time.Duration(n) * m.per)
		}
		return
	}
	credit := mulDiv(int64(elapsed), m.limit, int64(m.per), false)
	if sum := saturatingAdd(m.balance, credit); sum < m.full() {
		m.balance = sum
		// Rounded up, so that rounding never gives back more than the pace allows.
		m.at = m.at.Add(time.Duration(mulDiv(credit, int64(m.per), m.limit, true)))
		return
	}
	m.balance, m.at = m.full(), now
}

// wait is how long after now the balance will allow one more unit; 0 = now. refill has been called.
func (m *meter) wait(now time.Time) time.Duration {
	if m.limit == 0 || m.balance >= 1 {
		return 0
	}
	missing := saturatingAdd(1, -m.balance)
	if m.pace {
		return max(1, m.at.Add(time.Duration(mulDiv(missing, int64(m.per), m.limit, true))).Sub(now))
	}
	periods := mulDiv(missing, 1, m.limit, true)
	return max(1, m.at.Add(time.Duration(mulDiv(periods, int64(m.per), 1, false))).Sub(now))
}

func (m *meter) take(n int64) {
	if m.limit != 0 {
		m.balance = saturatingAdd(m.balance, -n)
	}
}

// saturatingAdd adds, stopping at ±(2⁶³−1).
func saturatingAdd(a, b int64) int64 {
	s := a + b
	switch {
	case a > 0 && b > 0 && s < 0:
		return math.MaxInt64
	case a < 0 && b < 0 && (s >= 0 || s == math.MinInt64):
		return -math.MaxInt64
	}
	return s
}

// mulDiv is a·b/c for non-negative a, b and positive c, through 128 bits, stopping at 2⁶²: far beyond any lease, and
// still safe to add to a time.
func mulDiv(a, b, c int64, up bool) int64 {
	const most = math.MaxInt64 / 2
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if hi >= uint64(c) {
		return most
	}
	q, r := bits.Div64(hi, lo, uint64(c))
	if up && r > 0 {
		q++
	}
	return int64(min(q, most))
}
