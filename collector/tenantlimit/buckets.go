package tenantlimit

import (
	"strings"
	"sync"
	"time"
)

// Reasons of a refusal, as the metrics name them.
const (
	overSpans    = "spans"
	overBytes    = "bytes"
	overInFlight = "in_flight"
	// withOthers: within its limits, but it can't go before the rest of its request, since a repeat of it would not be recognized.
	withOthers = "with_others"
	// recorded: no refusal; it went on before its request was refused, and this is the repeat.
	recorded = "recorded"
)

// bucket holds what a tenant may send now. Tokens may be below zero: a request larger than the burst goes when the bucket is
// full, or it could never go.
type bucket struct {
	rate
	spanTokens, byteTokens float64
	filled                 time.Time // when tokens were last added
	waiting                int       // requests in flight
	warned                 time.Time
}

func newBucket(r rate, now time.Time) *bucket {
	return &bucket{rate: r, spanTokens: r.spans * r.burst, byteTokens: r.bytes * r.burst, filled: now}
}

func (b *bucket) fill(now time.Time) {
	if passed := now.Sub(b.filled).Seconds(); passed > 0 {
		b.add(passed*b.spans, passed*b.bytes)
		b.filled = now
	}
}

func (b *bucket) add(spans, bytes float64) {
	b.spanTokens = min(b.spanTokens+spans, b.spans*b.burst)
	b.byteTokens = min(b.byteTokens+bytes, b.bytes*b.burst)
}

// hold is what a share that goes on has taken from a bucket.
type hold struct {
	bucket       *bucket
	spans, bytes float64
}

// take takes the share's tokens; of a bucket that doesn't let it through (another one does) no more than there are, so that it
// gets into no debt by it.
func (b *bucket) take(s *share, lets bool) hold {
	h := hold{b, float64(s.spans), float64(s.bytes)}
	if !lets {
		h.spans, h.bytes = min(h.spans, max(b.spanTokens, 0)), min(h.bytes, max(b.byteTokens, 0))
	}
	if b.spans == 0 {
		h.spans = 0
	}
	if b.bytes == 0 {
		h.bytes = 0
	}
	b.spanTokens -= h.spans
	b.byteTokens -= h.bytes
	b.waiting++
	return h
}

// idle says that nothing would be forgotten with the bucket.
func (b *bucket) idle() bool {
	return b.waiting == 0 && b.spanTokens >= b.spans*b.burst && b.byteTokens >= b.bytes*b.burst
}

// lacks says which limit the share is above, and how long until it isn't.
func (b *bucket) lacks(s *share) (reason string, wait time.Duration) {
	if b.inFlight > 0 && b.waiting >= b.inFlight {
		return overInFlight, time.Second
	}
	for _, l := range [...]struct {
		reason            string
		perSecond, tokens float64
		wants             int
	}{{overSpans, b.spans, b.spanTokens, s.spans}, {overBytes, b.bytes, b.byteTokens, s.bytes}} {
		if l.perSecond == 0 {
			continue
		}
		if missing := min(float64(l.wants), l.perSecond*b.burst) - l.tokens; missing > 0 {
			if w := time.Duration(missing / l.perSecond * float64(time.Second)); w >= wait {
				reason, wait = l.reason, w
			}
		}
	}
	return reason, wait
}

// table holds the tenants' buckets.
type table struct {
	mu       sync.Mutex
	max      int
	rate     rate
	named    map[string]*bucket // of tenants with limits of their own: always there
	others   map[string]*bucket
	overflow overflow
	swept    time.Time
}

func newTable(c *Config, seed uint64, now time.Time) *table {
	t := &table{max: c.MaxTenants, rate: c.rate(), named: map[string]*bucket{}, others: map[string]*bucket{}}
	t.overflow = overflow{seed: seed, rate: t.rate}
	for name, l := range c.Tenants {
		t.named[name] = newBucket(c.rateOf(l), now)
	}
	return t
}

// get is a tenant's bucket, filled, or its two if there is no room for one of its own. The caller holds the lock.
func (t *table) get(name string, now time.Time) (b, second *bucket) {
	b, ok := t.named[name]
	if !ok {
		b, ok = t.others[name]
	}
	switch {
	case ok:
	case len(t.others) < t.max || t.evict(now):
		b = newBucket(t.rate, now)
		t.others[strings.Clone(name)] = b // the name must not hold on to the request's memory
	default:
		return t.overflow.of(name, now)
	}
	b.fill(now)
	return b, nil
}

// evict forgets the tenants that are idle, and reports whether there is room now. It looks through the table once a second at most:
// made-up names must not make every request do it.
func (t *table) evict(now time.Time) bool {
	if now.Sub(t.swept) >= time.Second {
		t.swept = now
		for name, b := range t.others {
			if b.fill(now); b.idle() {
				delete(t.others, name)
			}
		}
	}
	return len(t.others) < t.max
}

// admit takes the tokens of every share that is within its tenant's limits, and gives the others their reason. wait is how long
// until all of them would be.
func (t *table) admit(shares []share, now time.Time) (refused int, wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range shares {
		s := &shares[i]
		if s.reason == recorded {
			continue
		}
		w := t.admitShare(s, now)
		if s.reason != "" {
			refused++
			wait = max(wait, w)
		}
	}
	return refused, wait
}

// admitShare is admit for one share.
func (t *table) admitShare(s *share, now time.Time) (wait time.Duration) {
	first, second := t.get(s.tenant, now)
	s.bucket, s.holds = first, [2]hold{}
	s.reason, wait = first.lacks(s)
	if second == nil {
		if s.reason == "" {
			s.holds[0] = first.take(s, true)
		}
		return wait
	}
	reason, w := second.lacks(s)
	if s.reason != "" && reason != "" {
		if w < wait {
			s.bucket, s.reason, wait = second, reason, w
		}
		return wait
	}
	s.holds = [2]hold{first.take(s, s.reason == ""), second.take(s, reason == "")}
	s.reason = ""
	return 0
}

// end takes the shares that went on out of flight. What wasn't taken by what comes next gets its tokens back: it comes again.
func (t *table) end(shares []share, taken bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range shares {
		if s := &shares[i]; s.reason == "" {
			s.release(taken)
		}
	}
}

// hold turns shares that can't go before the others into refused ones.
func (t *table) hold(shares []share) (held int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range shares {
		if s := &shares[i]; s.reason == "" && s.unrecognizable {
			s.release(false)
			s.reason = withOthers
			held++
		}
	}
	return held
}

func (s *share) release(taken bool) {
	for _, h := range s.holds {
		if h.bucket == nil {
			continue
		}
		h.bucket.waiting--
		if !taken {
			h.bucket.add(h.spans, h.bytes)
		}
	}
}

// warn reports whether a refusal of the tenant is to be logged: once a minute.
func (t *table) warn(b *bucket, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(b.warned) < time.Minute {
		return false
	}
	b.warned = now
	return true
}

// size is the number of tenants told apart.
func (t *table) size() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return int64(len(t.named) + len(t.others))
}
