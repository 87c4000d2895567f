package gateway

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// SharedOptions say what all tenants of a gateway share.
type SharedOptions struct {
	Limits     Limits                  // requests, tokens and USD per period, of all tenants together
	Weight     func(tenant string) int // 1 to 1000; 1 for everyone if nil
	Burst      time.Duration           // a tenant that was quiet may use at once what the limit gives in this time, times its weight; Per/20 if 0
	MaxTenants int                     // tenants told apart at a time; 100,000 if 0
}

// Shared divides a limit among tenants by weighted max-min fairness: who needs less than its share gets all it needs, and
// what it leaves goes to the others by weight. No tenant's flood takes from another's share, and nothing is left unused
// while somebody wants it.
//
// It is Generalized Processor Sharing (Parekh and Gallager, IEEE/ACM Transactions on Networking 1993) with admissions in
// place of bits: what the limit gives is poured, by weight, into one bucket per tenant; a full bucket takes no more, so its
// part goes to those that aren't. In any time t all tenants together are admitted at most limit·t and one burst each. Tokens
// and USD are known after a call; a bucket that they overdraw is refilled before the tenant's next call.
type Shared struct {
	mu     sync.Mutex
	weight func(string) int
	pools  [3]pool
}

// parts of one request, token or 10⁻¹² USD in which a pool counts, so that small limits divide finely.
var parts = [3]int64{1_000_000, 1_000_000, 1}

// NewShared checks the options.
func NewShared(opts SharedOptions) (*Shared, error) {
	if err := opts.Limits.validate(); err != nil {
		return nil, fmt.Errorf("shared limit: %w", err)
	}
	l := opts.Limits
	if opts.Burst == 0 {
		opts.Burst = l.Per / 20
	}
	if opts.Burst < time.Millisecond || opts.Burst > l.Per {
		return nil, fmt.Errorf("shared limit: burst %s: want 1ms to per (%s)", opts.Burst, l.Per)
	}
	if opts.MaxTenants < 0 {
		return nil, errors.New("shared limit: negative number of tenants")
	}
	if opts.MaxTenants == 0 {
		opts.MaxTenants = 100_000
	}
	s := &Shared{weight: opts.Weight}
	for i, limit := range [3]int64{l.Requests, l.Tokens, int64(l.USD)} {
		if limit > math.MaxInt64/8/parts[i] {
			return nil, fmt.Errorf("shared limit: %s %d is too much; leave it out to not limit it", meterNames[i], limit)
		}
		limit *= parts[i]
		s.pools[i] = pool{limit: limit, per: l.Per, depth: max(parts[i], mulDiv(limit, int64(opts.Burst), int64(l.Per), false)),
			most: opts.MaxTenants, buckets: map[string]*bucket{}}
	}
	return s, nil
}

// Admit takes one request of the tenant in, or names the limit of which it has used its share and when it has some again.
func (s *Shared) Admit(tenant string, now time.Time) (limit string, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.weightOf(tenant)
	for i := range s.pools {
		p := &s.pools[i]
		if p.limit == 0 {
			continue
		}
		p.advance(now)
		b := p.bucket(tenant, w)
		if missing := parts[i] - p.balance(b); missing > 0 {
			if t := p.wait(b, missing); t > wait {
				limit, wait = meterNames[i], t
			}
		}
	}
	if p := &s.pools[meterRequests]; limit == "" && p.limit > 0 {
		p.take(p.bucket(tenant, w), parts[meterRequests])
	}
	return limit, wait
}

// Charge books what an admitted call used.
func (s *Shared) Charge(tenant string, tokens int64, usd ledger.Money, now time.Time) {
	if tokens < 0 || usd < 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.weightOf(tenant)
	for i, n := range [3]int64{0, tokens, int64(usd)} {
		if p := &s.pools[i]; p.limit > 0 && n > 0 {
			p.advance(now)
			p.take(p.bucket(tenant, w), mulDiv(n, parts[i], 1, false))
		}
	}
}

func (s *Shared) weightOf(tenant string) int64 {
	if s.weight == nil {
		return 1
	}
	return int64(min(max(s.weight(tenant), 1), 1000))
}
