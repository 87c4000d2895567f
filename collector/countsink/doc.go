// Package countsink is the end of the metrics and logs pipelines: it accepts what apps send beside their traces, counts
// it, and keeps nothing but the depth of model servers' queues, where its configuration names the gauge. Apps configured
// with one OTLP endpoint for all signals so get OK instead of an error.
//
// Telemetry: tollkeeper_collector_accepted_metric_points_total, tollkeeper_collector_accepted_log_records_total,
// tollkeeper_queue_depth (by model and server).
package countsink
