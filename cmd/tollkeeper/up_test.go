package main

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

const (
	recording = "../../collector/genai/testdata/recordings/openllmetry-anthropic/messages.otlp.json"
	billed    = "0.001015000000" // USD, by its truth file
)

// freePorts is a configuration in which every listener takes a free port.
func freePorts(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "toll.yaml")
	require.NoError(t, os.WriteFile(path, []byte(`
http: {listen: "127.0.0.1:0"}
viewer: {listen: "127.0.0.1:0"}
kafka: {embedded: {listen: "127.0.0.1:0"}}
clickhouse: {embedded: {listen: "127.0.0.1:0"}}
collector: {grpc: "127.0.0.1:0", http: "127.0.0.1:0"}
`), 0o600))
	return path
}

// With users configured, nobody comes in without a password, and a reader only reads; the roles have their own account.
func TestUpWithUsers(t *testing.T) {
	config := freePorts(t)
	text, err := os.ReadFile(config)
	require.NoError(t, err)
	text = []byte(strings.Replace(string(text), `clickhouse: {embedded: {listen: "127.0.0.1:0"}}`,
		`clickhouse: {embedded: {listen: "127.0.0.1:0", users: [{name: grafana, password: "${env:READER}", read_only: true}]}}`, 1))
	require.NoError(t, os.WriteFile(config, text, 0o600))
	up := start(t, map[string]string{"READER": "open sesame"}, "up", "--config", config, "--data-dir", filepath.Join(t.TempDir(), "data"))
	up.ready()
	engine := up.waitFor(`ClickHouse +http://(\S+)`)
	status := func(user, password, sql string) int {
		req, err := http.NewRequest(http.MethodPost, "http://"+engine+"/?database=tollkeeper", strings.NewReader(sql))
		require.NoError(t, err)
		if user != "" {
			req.SetBasicAuth(user, password)
		}
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return resp.StatusCode
	}
	const read, write = "SELECT count() FROM call_reports", "INSERT INTO call_reports (tenant) VALUES ('mine')"
	require.Equal(t, http.StatusOK, status("grafana", "open sesame", read))
	for name, code := range map[string]int{
		"no user":        status("", "", read),
		"default":        status("default", "", read),
		"wrong password": status("grafana", "sesame", read),
		"roles":          status("tollkeeper-roles", "", read),
		"reader writes":  status("grafana", "open sesame", write),
	} {
		require.GreaterOrEqual(t, code, 400, name)
	}
	require.NotContains(t, up.text(), "open sesame")
	for url, want := range map[string]string{
		"http://grafana:sesame@" + engine + "/tollkeeper":  `correct user and password in clickhouse.url`,
		"http://grafana:open%20sesame@" + engine + "/none": "`tollkeeper schema apply` makes database \"none\"",
	} {
		report := start(t, map[string]string{"TOLLKEEPER_CLICKHOUSE_URL": url}, "report")
		require.Equal(t, exitFailed, report.exit(), url)
		require.Contains(t, report.text(), want)
		require.NotContains(t, report.text(), "sesame")
	}
	require.Zero(t, up.terminate())

	text = []byte(strings.Replace(string(text), `"127.0.0.1:0", users: [{name: grafana, password: "${env:READER}"`, `"0.0.0.0:0", users: [{name: grafana, password: ""`, 1))
	require.NoError(t, os.WriteFile(config, text, 0o600))
	up = start(t, nil, "up", "--config", config, "--data-dir", filepath.Join(t.TempDir(), "data"))
	require.Equal(t, exitUsage, up.exit())
	require.Contains(t, up.text(), "[grafana] have no password")
}

// Too few open files are a refusal that names the limit, not an engine that dies on the way.
func TestUpNamesTheLimitOfOpenFiles(t *testing.T) {
	exe, err := os.Executable()
	require.NoError(t, err)
	up := exec.Command("sh", "-c", `ulimit -n 256 && exec "$0" "$@"`, exe, "up", "--config", freePorts(t), "--data-dir", filepath.Join(t.TempDir(), "data"))
	up.Env = append(os.Environ(), runMain+"=1")
	text, err := up.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(text), "this process may have 256 files open (RLIMIT_NOFILE, `ulimit -n`), the engine needs 512")
	require.Contains(t, string(text), "LimitNOFILE=")
}

// ask runs one statement with plain HTTP, as curl does.
func ask(t *testing.T, address, sql string) string {
	t.Helper()
	resp, err := http.Post("http://"+address+"/?"+url.Values{"database": {"tollkeeper"}}.Encode(), "text/plain", strings.NewReader(sql))
	require.NoError(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode, "%s\n%s", sql, answer)
	return strings.TrimSpace(string(answer))
}

const everything = "calls(from = now('UTC') - INTERVAL 1 DAY, to = now('UTC') + INTERVAL 1 HOUR)"

func TestUpKeepsWhatItAcknowledged(t *testing.T) {
	config, dir := freePorts(t), filepath.Join(t.TempDir(), "data")
	early := start(t, nil, "up", "--config", config, "--data-dir", dir)
	early.waitFor("(engine ready)")
	require.Zero(t, early.terminate(), "told to stop in the middle of its start: the next one goes on")
	require.NotContains(t, early.text(), "signal received")
	up := start(t, nil, "up", "--config", config, "--data-dir", dir)
	up.ready()

	second := start(t, nil, "up", "--config", config, "--data-dir", dir)
	require.Equal(t, exitFailed, second.exit())
	require.Contains(t, second.text(), dir+" is in use by another tollkeeper (process "+strconv.Itoa(up.Process.Pid)+")")

	replay := start(t, nil, "replay", recording, "--repeat", "20", "--new-ids", "--tenant", "acme", "--to", up.waitFor(`OTLP gRPC +(\S+)`))
	require.Zero(t, replay.exit(), replay.text())
	require.NoError(t, up.Process.Kill()) // at once: what was acknowledged may not be further than Kafka
	<-up.done

	up = start(t, nil, "up", "--config", config, "--data-dir", dir)
	up.ready()
	engine := up.waitFor(`ClickHouse +http://(\S+)`)
	one, err := ledger.ParseMoney(billed)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return ask(t, engine, "SELECT count() FROM "+everything) == "20" }, twoMinutes, aMoment)
	sum, err := ledger.ParseSum(ask(t, engine, "SELECT sum(cost) FROM "+everything+" WHERE tenant = 'acme'"))
	require.NoError(t, err)
	require.Equal(t, (20 * one).String(), sum.String())
	throughClient(t, engine)
	tiers(t, engine)
	require.Zero(t, up.terminate())
}

// throughClient reads the same with clickhouse-go.
func throughClient(t *testing.T, engine string) {
	conn, err := schema.Open("http://" + engine + "/tollkeeper")
	require.NoError(t, err)
	defer conn.Close()
	var calls uint64
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT count() FROM "+everything).Scan(&calls))
	require.EqualValues(t, 20, calls)
}

// tiers inserts old reports and looks where they lie.
func tiers(t *testing.T, engine string) {
	ask(t, engine, `INSERT INTO call_reports (minute, tenant, trace_id, span_id, version)
		SELECT toStartOfMinute(now('UTC') - INTERVAL number * 45 DAY), 'old', unhex(leftPad(hex(number), 32, '0')), unhex('0000000000000001'), 1 FROM numbers(1, 1)`)
	ask(t, engine, `INSERT INTO call_reports (minute, tenant, trace_id, span_id, version)
		SELECT toStartOfMinute(now('UTC') - INTERVAL 10 DAY), 'old', unhex(leftPad('1', 32, '0')), unhex('0000000000000001'), 1`)
	where := func() string {
		return ask(t, engine, `SELECT arrayStringConcat(arraySort(groupUniqArray(disk_name)), ',') FROM system.parts
			WHERE database = 'tollkeeper' AND table = 'call_reports' AND active`)
	}
	require.Eventually(t, func() bool { return where() == "cold,hot,warm" }, twoMinutes, aMoment, "parts lie on %s", where())
}
