package collector

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
)

// The ocb manifest names exactly the distribution's components, at the versions of go.mod.
func TestManifestMatches(t *testing.T) {
	type module struct{ Gomod, Import string }
	var manifest struct{ Extensions, Receivers, Processors, Connectors, Exporters []module }
	text, err := os.ReadFile("manifest.yaml")
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &manifest))
	gomod, err := os.ReadFile("../go.mod")
	require.NoError(t, err)

	var listed []string
	for _, m := range append(append(append(append(manifest.Extensions, manifest.Receivers...), manifest.Processors...), manifest.Connectors...), manifest.Exporters...) {
		name, _, _ := strings.Cut(m.Gomod, " ")
		if m.Import != "" {
			name = m.Import
		} else {
			require.Contains(t, string(gomod), "\t"+m.Gomod+"\n", "go.mod has another version")
		}
		listed = append(listed, name[strings.LastIndex(name, "/")+1:])
	}

	f, err := Components()
	require.NoError(t, err)
	var want []string
	add := func(kind string, f component.Factory) {
		name := strings.ReplaceAll(f.Type().String(), "_", "") + kind
		if !slices.Contains(want, name) { // an alias
			want = append(want, name)
		}
	}
	for _, f := range f.Extensions {
		add("extension", f)
	}
	for _, f := range f.Receivers {
		add("receiver", f)
	}
	for _, f := range f.Processors {
		add("processor", f)
	}
	for _, f := range f.Connectors {
		add("connector", f)
	}
	for _, f := range f.Exporters {
		add("exporter", f)
	}
	own := strings.NewReplacer("llmcostprocessor", "llmcost", "tenantlimitprocessor", "tenantlimit", "llmsamplingprocessor", "llmsampling", "callsplitconnector", "callsplit",
		"eventspansconnector", "eventspans",
		"callskafkaexporter", "callskafka", "payloadkafkaexporter", "payloadkafka", "countsinkexporter", "countsink", "tenantauthextension", "tenantauth", "otlpgrpcexporter", "otlpexporter")
	for i, w := range want {
		want[i] = own.Replace(w)
	}
	require.ElementsMatch(t, want, listed)
}
