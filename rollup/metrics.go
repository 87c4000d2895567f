package rollup

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	lastRun        *prometheus.GaugeVec
	lastSuccess    *prometheus.GaugeVec
	duration       *prometheus.HistogramVec
	failures       *prometheus.CounterVec
	windows        *prometheus.CounterVec
	windowFailures *prometheus.CounterVec
	jobBacklog     *prometheus.GaugeVec
	backlog        *prometheus.GaugeVec
	backlogAge     *prometheus.GaugeVec
	held           *prometheus.GaugeVec
	unsealed       *prometheus.GaugeVec

	checked         *prometheus.GaugeVec
	checkDifference prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer, running *running) (*metrics, error) {
	gauge := func(name, help, label string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "tollkeeper_rollup_" + name, Help: help}, []string{label})
	}
	counter := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tollkeeper_rollup_" + name, Help: help}, []string{label})
	}
	m := &metrics{
		lastRun:     gauge("last_run_timestamp_seconds", "When a job last ended, with or without failure.", "job"),
		lastSuccess: gauge("last_success_timestamp_seconds", "When a job last ended without failure.", "job"),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tollkeeper_rollup_duration_seconds", Help: "How long a job's run took.",
			Buckets: []float64{0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300},
		}, []string{"job"}),
		failures:       counter("failures_total", "Runs of a job that failed, in part or whole.", "job"),
		windows:        counter("windows_total", "Windows recomputed and committed.", "level"),
		windowFailures: counter("window_failures_total", "Windows whose recompute failed; their marks stay for the next run.", "level"),
		jobBacklog:     gauge("job_backlog", "What waits for a job: windows with due marks, hours to be adjusted, days that can't be sealed yet.", "job"),
		backlog:        gauge("backlog_windows", "Windows with due marks.", "level"),
		backlogAge:     gauge("backlog_age_seconds", "Age of the oldest due mark.", "level"),
		held:           gauge("held_windows", "Windows that changed after their month was closed or their rows were sealed.", "level"),

		unsealed: gauge("unsealed", "Days that are to be sealed and wait for pending changes, or whose books differ from their calls.", "why"),
		checked:  gauge("check_windows", "Hours and days of the last nightly recomputation: equal, different, or pending and left out.", "result"),
		checkDifference: prometheus.NewGauge(prometheus.GaugeOpts{Name: "tollkeeper_rollup_check_difference_usd",
			Help: "Sum of the absolute differences that the last nightly recomputation found; anything but 0 is a fault."}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{
		m.lastRun, m.lastSuccess, m.duration, m.failures, m.windows, m.windowFailures, m.jobBacklog, m.backlog, m.backlogAge, m.held, m.unsealed, m.checked, m.checkDifference, running,
	} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register rollup metrics: %w", err)
		}
	}
	return m, nil
}
