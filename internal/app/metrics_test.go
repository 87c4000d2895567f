package app_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"sort"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write docs/metrics.md anew")

const metricsPage = "../../docs/metrics.md"

// docs/metrics.md lists every metric that the running product has registered, with its help text.
func TestMetricsAreDocumented(t *testing.T) {
	p := running(t)
	descs := make(chan *prometheus.Desc)
	go func() { p.Registry.Describe(descs); close(descs) }()
	pattern := regexp.MustCompile(`fqName: "(tollkeeper_\w+)", help: "([^"]*)".*variableLabels: \{([^}]*)\}`)
	rows := map[string]string{}
	for d := range descs {
		m := pattern.FindStringSubmatch(d.String())
		if m == nil {
			require.NotContains(t, d.String(), "tollkeeper_", "the pattern misses a metric of ours")
			continue
		}
		rows[m[1]] = fmt.Sprintf("| `%s` | %s | %s |\n", m[1], strings.ReplaceAll(m[3], ",", ", "), m[2])
	}
	require.Greater(t, len(rows), 20)
	names := make([]string, 0, len(rows))
	for name := range rows {
		names = append(names, name)
	}
	sort.Strings(names)
	var page strings.Builder
	page.WriteString(`# Metrics

What ` + "`/metrics`" + ` has of our own (a test holds this page to the running product: ` + "`go test ./internal/app -run Metrics -update`" + `
writes it anew). The collector's components count through the Collector's own telemetry; theirs are listed in
[collector/README.md](../collector/README.md), beside the Collector's ` + "`otelcol_…`" + `. Where the API runs ([api](api.md)),
` + "`tollkeeper_api_request_seconds`" + ` counts and times its requests by path and status.

| metric | labels | what it says |
|---|---|---|
`)
	for _, name := range names {
		page.WriteString(rows[name])
	}
	if *update {
		require.NoError(t, os.WriteFile(metricsPage, []byte(page.String()), 0o644))
	}
	want, err := os.ReadFile(metricsPage)
	require.NoError(t, err)
	require.Equal(t, string(want), page.String(), "run: go test ./internal/app -run Metrics -update")
}
