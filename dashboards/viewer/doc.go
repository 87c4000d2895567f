// Package viewer serves the boards of package dashboards to a browser, without Grafana: the same definitions, the same
// SQL, drawn by the page in web/ (built files in dist/). It adds what a dashboard can't do: explain a call, look up prices,
// release a throttle by hand, and show a newcomer when the first call has arrived.
//
// Data comes in as questions of a browser and goes out as rows of the ledger, amounts as decimal strings. It runs no SQL
// but the boards' own queries, reads only, and refuses other sites' requests, unknown hosts, and anybody without the
// token where it listens beyond loopback.
package viewer
