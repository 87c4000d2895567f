package collector

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"

	"github.com/tollkeeper/tollkeeper/collector/callskafka"
	"github.com/tollkeeper/tollkeeper/collector/callsplit"
	"github.com/tollkeeper/tollkeeper/collector/countsink"
	"github.com/tollkeeper/tollkeeper/collector/eventspans"
	"github.com/tollkeeper/tollkeeper/collector/llmcost"
	"github.com/tollkeeper/tollkeeper/collector/llmsampling"
	"github.com/tollkeeper/tollkeeper/collector/payloadkafka"
	"github.com/tollkeeper/tollkeeper/collector/tenantlimit"
)

var ownComponents = map[string]component.Factory{
	"llmcost": llmcost.NewFactory(), "callsplit": callsplit.NewFactory(), "callskafka": callskafka.NewFactory(), "llmsampling": llmsampling.NewFactory(),
	"payloadkafka": payloadkafka.NewFactory(), "tenantlimit": tenantlimit.NewFactory(), "countsink": countsink.NewFactory(), "eventspans": eventspans.NewFactory(),
}

// The README of each component shows every option, and none that isn't there; its configuration can be read by the Collector.
func TestREADMEsShowEveryOption(t *testing.T) {
	for name, f := range ownComponents {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, name, f.Type().String())
			cfg := f.CreateDefaultConfig()
			require.NoError(t, componenttest.CheckConfigStruct(cfg))
			conf := confmap.New()
			require.NoError(t, conf.Marshal(cfg))
			text, err := os.ReadFile(filepath.Join(name, "README.md"))
			require.NoError(t, err)
			_, block, ok := strings.Cut(string(text), "```yaml\n")
			require.True(t, ok, "no configuration")
			block, _, _ = strings.Cut(block, "```")
			want := map[string]bool{}
			for key := range leaves(conf.ToStringMap()) {
				want[key] = true
				require.Regexp(t, `(?m)^ +`+regexp.QuoteMeta(key)+`:`, block, "not in the README")
			}
			for _, m := range regexp.MustCompile(`(?m)^ {4,}([a-z_0-9]+):`).FindAllStringSubmatch(block, -1) {
				require.True(t, want[m[1]], "the README shows %q, which is no option", m[1])
			}
		})
	}
}

// leaves are the names of all keys of a configuration, those of sections included.
func leaves(m map[string]any) map[string]bool {
	out := map[string]bool{}
	for k, v := range m {
		out[k] = true
		if sub, ok := v.(map[string]any); ok {
			for k := range leaves(sub) {
				out[k] = true
			}
		}
	}
	return out
}
