package settle

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics of settling.
type Metrics struct {
	verdicts *prometheus.CounterVec
}

// NewMetrics registers them; reg may be nil.
func NewMetrics(reg prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{verdicts: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tollkeeper_settle_verdicts_total",
		Help: "Reports looked at, by what was decided: call, the reason for which one gave way, unsettled, or, of an aggregate, explained, unseen_leaf or provisional. A report is looked at again with every rollup of its minute.",
	}, []string{"verdict"})}
	if reg == nil {
		return m, nil
	}
	if err := reg.Register(m.verdicts); err != nil {
		return nil, fmt.Errorf("register settlement metrics: %w", err)
	}
	return m, nil
}

func (m *Metrics) count(groups []Group) {
	if m == nil {
		return
	}
	for _, g := range groups {
		for _, v := range g.Verdicts {
			if v.Reason == "" {
				v.Reason = "call"
			}
			m.verdicts.WithLabelValues(v.Reason).Inc()
		}
	}
}

func (m *Metrics) countUnseen(all []Unseen) {
	if m == nil {
		return
	}
	for i := range all {
		m.verdicts.WithLabelValues(all[i].verdict().Reason).Inc()
	}
}

func (m *Metrics) provisional(n int) {
	if m != nil {
		m.verdicts.WithLabelValues("provisional").Add(float64(n))
	}
}
