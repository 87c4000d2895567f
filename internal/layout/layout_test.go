package layout

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/tollkeeper/tollkeeper"

type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

// packages lists our packages, named relative to the module, without their tests.
func packages(t *testing.T) map[string]pkg {
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", module+"/...")
	out, err := cmd.Output()
	require.NoError(t, err)
	all := map[string]pkg{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else {
			require.NoError(t, err)
		}
		all[strings.TrimPrefix(p.ImportPath, module+"/")] = p
	}
	require.Contains(t, all, "ledger")
	return all
}

// own returns the imports inside the module, relative to it.
func (p pkg) own() []string {
	var out []string
	for _, i := range p.Imports {
		if rest, ok := strings.CutPrefix(i, module+"/"); ok {
			out = append(out, rest)
		}
	}
	return out
}

func below(path string, dirs ...string) bool {
	for _, d := range dirs {
		if path == d || strings.HasPrefix(path, d+"/") {
			return true
		}
	}
	return false
}

// everybodys are small parts that any package may import: what names faults, says how rarely garbage is collected, runs jobs and reads text files.
var everybodys = []string{"internal/faults", "internal/garbage", "internal/schedule", "internal/textfile"}

// The layers, top to bottom: a package may import its own layer's row of `may`, and everybody's parts, and nothing else of ours.
var may = []struct{ who, imports []string }{
	{everybodys, nil},
	{[]string{"ledger"}, []string{"ledger"}},
	{[]string{"pricing"}, []string{"pricing", "ledger"}},
	{[]string{"schema/tiers"}, nil},
	{[]string{"schema/directory", "schema/storage"}, []string{"schema", "ledger"}},
	{[]string{"gateway"}, []string{"gateway", "ledger"}},
	{[]string{"schema"}, []string{"ledger"}},
	{[]string{"collector/genai"}, []string{"ledger", "pricing"}},
	{[]string{"collector"}, []string{"collector", "pricing", "ledger", "internal/kafkaclient"}},
	{[]string{"ingest"}, []string{"schema", "ledger", "internal/kafkaclient"}},
	{[]string{"rollup"}, []string{"schema", "pricing", "collector/genai", "ledger"}},
	{[]string{"alerts"}, []string{"schema", "gateway", "pricing", "ledger"}},
	{[]string{"dashboards"}, []string{"dashboards", "schema", "pricing", "ledger"}},
}

func TestImportsRunOneWay(t *testing.T) {
	for name, p := range packages(t) {
		for _, rule := range may {
			if !below(name, rule.who...) || (below(name, "collector/genai") && !below("collector/genai", rule.who...)) {
				continue
			}
			for _, i := range p.own() {
				if below(i, name) || below(i, everybodys...) { // its own sub-packages
					continue
				}
				require.True(t, below(i, rule.imports...), "%s imports %s; it may only import %v (DESIGN: imports run one way)", name, i, rule.imports)
			}
			break
		}
		if !below(name, "internal", "cmd") {
			for _, i := range p.own() {
				require.False(t, below(i, "cmd", "internal/app", "internal/demo", "internal/testkit"), "%s imports %s", name, i)
			}
		}
	}
}

func TestOnlyCollectorAndAppLinkTheCollector(t *testing.T) {
	const otelcol = "go.opentelemetry.io/collector/otelcol"
	linked := 0
	for name, p := range packages(t) {
		for _, d := range p.Imports {
			if d == otelcol {
				linked++
				require.True(t, name == "collector" || name == "internal/app", "%s imports otelcol", name)
			}
		}
		if below(name, "ledger", "pricing", "gateway", "schema", "ingest", "rollup", "alerts", "dashboards", "internal/embedded", "internal/replay") ||
			(below(name, "collector") && name != "collector") {
			require.NotContains(t, p.Deps, otelcol, "%s links otelcol through something it imports", name)
		}
	}
	require.Positive(t, linked, "nothing imports otelcol: this test looks in the wrong place")
}

func TestLedgerImportsNoSystem(t *testing.T) {
	for _, d := range packages(t)["ledger"].Deps {
		for _, system := range []string{"go.opentelemetry.io", "github.com/ClickHouse", "github.com/segmentio", "github.com/twmb", "net/http"} {
			require.False(t, strings.HasPrefix(d, system), "ledger depends on %s", d)
		}
	}
}
