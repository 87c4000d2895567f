// Package dashboards defines what people look at, as data: boards of panels, each with one query from
// schema/queries/dashboards. The grafana package turns the boards into Grafana's JSON; other renderers read the same
// boards. Amounts come from rollups (spend…) or from calls, never from sampled spans; drawing them may round, adding
// them up may not.
package dashboards
