package alerts

import "time"

// Overrides change a rule that covers all tenants for one of them: what is 0 stays, off takes the tenant out. (A budget's
// are amounts; see Budget.)

// SpikeOverride changes a spike rule.
type SpikeOverride struct {
	Off        bool    `yaml:"off"`
	Factor     Decimal `yaml:"factor"`
	MinPerHour Decimal `yaml:"min_per_hour"`
}

// RunawayOverride changes a runaway rule.
type RunawayOverride struct {
	Off   bool    `yaml:"off"`
	USD   Decimal `yaml:"usd"`
	Calls int     `yaml:"calls"`
}

// ShareOverride changes a share rule; it clears at half of its percentage.
type ShareOverride struct {
	Off      bool `yaml:"off"`
	Percent  int  `yaml:"percent"`
	MinCalls int  `yaml:"min_calls"`
}

// SilenceOverride changes a silence rule; its time is at most the rule's.
type SilenceOverride struct {
	Off      bool          `yaml:"off"`
	For      time.Duration `yaml:"for"`
	MinCalls int           `yaml:"min_calls"`
}

// forTenant is the rule with the tenant's overrides.
func (s Spike) forTenant(tenant string) Spike {
	o := s.Overrides[tenant]
	s.Factor = or(o.Factor, s.Factor)
	s.MinPerHour = or(o.MinPerHour, s.MinPerHour)
	if s.ClearFactor.Cmp(s.Factor.Sum) > 0 {
		s.ClearFactor = s.Factor
	}
	return s
}

// forTenant has no limit at all where the tenant is taken out.
func (r Runaway) forTenant(tenant string) Runaway {
	o := r.Overrides[tenant]
	r.USD, r.Calls = or(o.USD, r.USD), or(o.Calls, r.Calls)
	if o.Off {
		r.USD, r.Calls = Decimal{}, 0
	}
	return r
}

func (s Share) forTenant(tenant string) Share {
	o := s.Overrides[tenant]
	if o.Percent != 0 {
		s.Percent, s.ClearPercent = o.Percent, (o.Percent+1)/2
	}
	s.MinCalls = or(o.MinCalls, s.MinCalls)
	return s
}

func (s Silence) forTenant(tenant string) Silence {
	o := s.Overrides[tenant]
	s.For, s.MinCalls = or(o.For, s.For), or(o.MinCalls, s.MinCalls)
	return s
}
