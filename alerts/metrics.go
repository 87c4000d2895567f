package alerts

import (
	"github.com/prometheus/client_golang/prometheus"
)

// metrics of the role; every name is documented by its help text.
type metrics struct {
	episodes      *prometheus.CounterVec
	open          *prometheus.GaugeVec
	steps         *prometheus.CounterVec
	notifications *prometheus.CounterVec
	evaluation    prometheus.Histogram
	failures      prometheus.Counter
	freshness     prometheus.Gauge
	behind        prometheus.Gauge
	reaction      prometheus.Histogram
	gone          prometheus.Gauge
	throttled     prometheus.Gauge
	frozen        prometheus.Gauge
	leads         prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		episodes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tollkeeper_alerts_episodes_total",
			Help: "Episodes that entered a state, by kind of rule and state."}, []string{"kind", "state"}),
		open: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "tollkeeper_alerts_open_episodes",
			Help: "Episodes that are firing now, by kind of rule."}, []string{"kind"}),
		steps: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tollkeeper_alerts_throttle_steps_total",
			Help: "Steps of throttle commands: ordered, acknowledged, effective, ineffective, released, expired, failed, lost, dry_run."}, []string{"step"}),
		notifications: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tollkeeper_alerts_notifications_total",
			Help: "Attempts to notify, by receiver and outcome: sent, failed, refused, dropped."}, []string{"receiver", "outcome"}),
		evaluation: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "tollkeeper_alerts_evaluation_seconds",
			Help: "Duration of one evaluation of all rules.", Buckets: prometheus.ExponentialBuckets(0.005, 2, 12)}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "tollkeeper_alerts_evaluation_failures_total",
			Help: "Evaluations that failed, mostly because the database didn't answer."}),
		freshness: prometheus.NewGauge(prometheus.GaugeOpts{Name: "tollkeeper_alerts_ledger_age_seconds",
			Help: "Time since which the ledger isn't known to be complete, by the clock of this process; since its start if nothing is known."}),
		behind: prometheus.NewGauge(prometheus.GaugeOpts{Name: "tollkeeper_alerts_rollup_behind_seconds",
			Help: "Age of the oldest minute whose rollup is behind its calls, 0 if none; looked for up to ten minutes back."}),
		reaction: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "tollkeeper_alerts_reaction_seconds",
			Help: "From the receipt of the crossing call to the gateway's 2xx for the episode's first command.", Buckets: prometheus.ExponentialBuckets(0.1, 1.6, 14)}),
		gone: prometheus.NewGauge(prometheus.GaugeOpts{Name: "tollkeeper_alerts_gateway_gone",
			Help: "1 while the gateway is taken out of use because it answered 410 Gone: nobody is throttled; it is asked again every ten minutes."}),
		throttled: prometheus.NewGauge(prometheus.GaugeOpts{Name: "tollkeeper_alerts_throttled_tenants",
			Help: "Tenants that rules throttle now; at alerts.throttle.max_tenants further ones are dry runs."}),
		frozen: prometheus.NewGauge(prometheus.GaugeOpts{Name: "tollkeeper_alerts_frozen",
			Help: "1 while a person has frozen automatic throttles (tollkeeper throttle freeze)."}),
		leads: prometheus.NewGauge(prometheus.GaugeOpts{Name: "tollkeeper_alerts_leads",
			Help: "1 if this process evaluates and acts, 0 while it stands by since another alerts process on the database leads."}),
	}
	for _, c := range []prometheus.Collector{m.episodes, m.open, m.steps, m.notifications, m.evaluation, m.failures, m.freshness, m.behind, m.reaction, m.gone, m.throttled, m.frozen, m.leads} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
