// Package grafana turns the boards of package dashboards into Grafana's dashboard JSON with the Grafana Foundation
// SDK, and writes the folder that Grafana provisions itself from. It talks to no server.
package grafana
