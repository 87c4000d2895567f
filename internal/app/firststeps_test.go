//go:build testall

package app_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/demo/modelserver"
)

// snippet is what the page First steps shows of one instrumentation.
type snippet struct {
	Name   string
	Tested []string // packages and versions
	Steps  []struct {
		In   string // a file, or "shell"
		Text []string
	}
}

// trial is what a newcomer adds to a snippet to make one call of a model.
type trial struct {
	packages []string          // environments of testdata/firststeps, the later over the earlier
	files    map[string]string // appended to the snippet's file of that name
	run      string            // after the snippet's own commands
	around   string            // in place of run, where the snippet's last command goes on: %s is the snippet
	slow     bool              // only with FIRST_STEPS=all
}

const (
	openaiApp = `
from openai import OpenAI
print(OpenAI().chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "Say done."}]).usage)
`
	litellmApp = `
print(litellm.completion(model="openai/gpt-4o-mini", messages=[{"role": "user", "content": "Say done."}]).usage)
`
	litellmModels = `
model_list: [{model_name: gpt-4o-mini, litellm_params: {model: openai/gpt-4o-mini}}]
`
	askProxy = `
set -m
{ %s
} & proxy=$!
until curl -sf http://127.0.0.1:$PORT/health/liveliness; do kill -0 $proxy; sleep 0.1; done
curl -sf http://127.0.0.1:$PORT/v1/chat/completions -H "authorization: Bearer $LITELLM_MASTER_KEY" -H content-type:application/json \
  -d '{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Say done."}]}'
kill -- -$proxy; wait $proxy || true
`
	vercelApp = `
import { trace } from '@opentelemetry/api'
import { createOpenAI } from '@ai-sdk/openai'
import { generateText } from 'ai'
import { register } from './instrumentation.mjs'
register()
const openai = createOpenAI({ baseURL: process.env.OPENAI_BASE_URL })
console.log((await generateText({ model: openai.chat('gpt-4o-mini'), prompt: 'Say done.' /* telemetry */ })).usage)
await trace.getTracerProvider().getDelegate().forceFlush()
process.exit(0)
`
	runVercel = "cp instrumentation.ts instrumentation.mjs; node app.mjs"
	atCalls   = ", experimental_telemetry: { isEnabled: true }"
)

// trials are by the name of the snippet. Coding agents and a recording are tried by others: collector/genai/record runs the agents
// with these settings, cmd replays recordings.
var trials = map[string]trial{
	"Any OpenTelemetry SDK": {packages: []string{"openai"}, files: map[string]string{"my_app.py": openaiApp}, run: "opentelemetry-instrument python my_app.py"},
	"Python, OpenAI":        {packages: []string{"openai"}, files: map[string]string{"my_app.py": openaiApp}},
	"OpenLLMetry":           {packages: []string{"openai", "more"}, files: map[string]string{"my_app.py": openaiApp}, run: "python my_app.py"},
	"OpenInference":         {packages: []string{"openai", "more"}, files: map[string]string{"my_app.py": openaiApp}, run: "python my_app.py"},
	"Vercel AI SDK 7":       {packages: []string{"ai-7"}, files: map[string]string{"app.mjs": vercelApp}, run: runVercel},
	"Vercel AI SDK to 6":    {packages: []string{"ai-6"}, files: map[string]string{"app.mjs": strings.ReplaceAll(vercelApp, " /* telemetry */", atCalls)}, run: runVercel},
	"LiteLLM proxy":         {packages: []string{"litellm"}, files: map[string]string{"config.yaml": litellmModels}, around: askProxy, slow: true},
	"LiteLLM, as a library": {packages: []string{"litellm"}, files: map[string]string{"my_app.py": litellmApp}, run: "python my_app.py", slow: true},
	"Claude Code":           {}, "Codex": {}, "Gemini CLI": {}, "A recording, to try it": {},
}

// Each snippet of the page First steps, as it stands, with the packages it was tested with: one call of a model arrives, under the
// snippet's tenant, at the price that the model server billed.
func TestFirstSteps(t *testing.T) {
	text, err := os.ReadFile("../../dashboards/viewer/web/src/snippets.json")
	require.NoError(t, err)
	var snippets []snippet
	require.NoError(t, json.Unmarshal(text, &snippets))
	p := running(t)
	models := modelserver.New(modelserver.Options{})
	server := httptest.NewServer(models)
	t.Cleanup(server.Close)
	tenants := map[string]string{} // of the snippets that were run
	t.Run("run", func(t *testing.T) {
		for i, s := range snippets {
			tr, ok := trials[s.Name]
			require.True(t, ok, "no trial of the snippet %q", s.Name)
			if tr.packages == nil || tr.slow && os.Getenv("FIRST_STEPS") != "all" {
				continue
			}
			tenants[s.Name] = fmt.Sprintf("first-steps-%d", i)
			t.Run(s.Name, func(t *testing.T) {
				t.Parallel()
				try(t, p, s, tr, tenants[s.Name], server.URL)
			})
		}
	})
	require.GreaterOrEqual(t, len(tenants), 6)
	for name, tenant := range tenants {
		t.Run("arrived/"+name, func(t *testing.T) {
			bill := models.Truth().Tenants()[tenant]
			require.EqualValues(t, 1, bill.Calls, "the model was asked so often")
			var calls uint64
			var spend string
			require.True(t, soon(t, func(c require.TestingT) bool {
				require.NoError(c, p.conn.QueryRow(t.Context(), `SELECT count(), toDecimalString(sum(cost), 12) FROM calls(from = now() - 7200, to = now() + 7200)
					WHERE tenant = @tenant AND unpriced = ''`, clickhouse.Named("tenant", tenant)).Scan(&calls, &spend))
				return calls > 0
			}), "no priced call of %s arrived", tenant)
			require.EqualValues(t, 1, calls)
			require.Equal(t, bill.Amount.String(), spend)
		})
	}
}

// try runs one snippet in a folder of its own.
func try(t *testing.T, p *product, s snippet, tr trial, tenant, models string) {
	dir := t.TempDir()
	filled := strings.NewReplacer("{grpc}", p.OTLPGRPC(), "{http}", p.OTLPHTTP(), "acme", tenant)
	have, path := environment(t, tr.packages, dir)
	for _, was := range s.Tested {
		require.Contains(t, have, was, "%s was tested with other packages", s.Name)
	}
	files := map[string]string{}
	var script strings.Builder
	for _, step := range s.Steps {
		for _, line := range step.Text {
			line = filled.Replace(line)
			switch fields := strings.Fields(line); {
			case step.In != "shell":
				files[step.In] += line + "\n"
			case len(fields) > 2 && fields[1] == "install":
				wantInstalled(t, fields[2:], have)
			default:
				script.WriteString(line + "\n")
			}
		}
	}
	for name, more := range tr.files {
		files[name] += more
	}
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	commands := script.String() + tr.run
	if tr.around != "" {
		commands = fmt.Sprintf(tr.around, script.String())
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-euc", commands)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + path + ":" + os.Getenv("PATH"), "HOME=" + dir, "OPENAI_BASE_URL=" + models + "/v1", "OPENAI_API_KEY=" + tenant,
		"PORT=" + freePort(t), "LITELLM_MASTER_KEY=sk-" + fmt.Sprintf("%x", sha256.Sum256([]byte(dir))), "LITELLM_LOCAL_MODEL_COST_MAP=True"}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s\n%s", commands, out)
	t.Logf("%s", bytes.TrimSpace(out))
}

var requirement = regexp.MustCompile(`^(@?[A-Za-z0-9/_.-]+?)(?:\[\w+\])?(?:(==|@)([\w.]+))?$`)

// wantInstalled holds what a snippet installs against what is installed: the package, and its version where one is asked for.
func wantInstalled(t *testing.T, asked, have []string) {
	for _, a := range asked {
		m := requirement.FindStringSubmatch(strings.Trim(a, `"'`))
		require.NotNil(t, m, "can't read %s", a)
		found := false
		for _, h := range have {
			name, version, _ := strings.Cut(h, " ")
			found = found || name == m[1] && (m[3] == "" || version == m[3] || m[2] == "@" && strings.HasPrefix(version, m[3]+"."))
		}
		require.True(t, found, "the snippet installs %s; installed are %s", a, strings.Join(have, ", "))
	}
}

// environment makes the packages usable in dir. It returns what is installed, "name version" each, and what the PATH begins with.
func environment(t *testing.T, names []string, dir string) (have []string, path string) {
	source, err := filepath.Abs(filepath.Join("testdata", "firststeps"))
	require.NoError(t, err)
	if name := names[0]; strings.HasPrefix(name, "ai-") {
		at, lock := installed(t, filepath.Join(source, name, "package-lock.json"), nodePackages)
		var packages struct {
			Packages map[string]struct{ Version string }
		}
		require.NoError(t, json.Unmarshal(lock, &packages))
		for name, p := range packages.Packages {
			have = append(have, strings.TrimPrefix(name, "node_modules/")+" "+p.Version)
		}
		require.NoError(t, os.Symlink(filepath.Join(at, "node_modules"), filepath.Join(dir, "node_modules")))
		return have, filepath.Join(at, "node_modules", ".bin")
	}
	var under []string
	for _, name := range names {
		at, lock := installed(t, filepath.Join(source, name+".txt"), pythonPackages)
		for _, line := range strings.Split(string(lock), "\n") {
			if name, version, ok := strings.Cut(line, "=="); ok {
				have = append(have, name+" "+version)
			}
		}
		if len(under) > 0 {
			require.NoError(t, os.WriteFile(filepath.Join(sitePackages(t, at), "under.pth"), []byte(strings.Join(under, "\n")), 0o644))
		}
		under, path = append(under, sitePackages(t, at)), filepath.Join(at, "bin")
	}
	return have, path
}

func sitePackages(t *testing.T, venv string) string {
	found, err := filepath.Glob(filepath.Join(venv, "lib", "python3*", "site-packages"))
	require.NoError(t, err)
	require.Len(t, found, 1, venv)
	return found[0]
}

var installing sync.Map // lock file -> func() (string, error)

// installed makes an environment below the cache folder, once per content of its lock, and returns it and the lock.
func installed(t *testing.T, file string, with func(lock, to string) string) (at string, lock []byte) {
	lock, err := os.ReadFile(file)
	require.NoError(t, err)
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	to := filepath.Join(cache, "tollkeeper", "first-steps", fmt.Sprintf("%.8x", sha256.Sum256(lock)))
	once, _ := installing.LoadOrStore(file, sync.OnceValue(func() error {
		if _, err := os.Stat(filepath.Join(to, "complete")); err == nil {
			return nil
		}
		began := time.Now()
		out, err := exec.Command("bash", "-euc", fmt.Sprintf("rm -rf %[1]s && mkdir -p %[1]s && %[2]s && touch %[1]s/complete", to, with(file, to))).CombinedOutput()
		t.Logf("installed %s in %.0f s", filepath.Base(file), time.Since(began).Seconds())
		if err != nil {
			return fmt.Errorf("install %s: %w: %s", file, err, out)
		}
		return nil
	}))
	require.NoError(t, once.(func() error)())
	return to, lock
}

func pythonPackages(lock, to string) string {
	return fmt.Sprintf("python3 -m venv %[2]s && %[2]s/bin/pip install --quiet --disable-pip-version-check --no-deps --no-compile --requirement %[1]s", lock, to)
}

func nodePackages(lock, to string) string {
	return fmt.Sprintf("cp %[1]s/package*.json %[2]s && npm ci --silent --ignore-scripts --prefix %[2]s", filepath.Dir(lock), to)
}

func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return port
}
