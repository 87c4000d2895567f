package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// One program: a call comes in, its tenant reads it over the API with its own token and nobody else's, the provider's bill is held
// against it, what is left of the bill is booked once, and taken back.
func TestUpServesReportsAndReconciles(t *testing.T) {
	config := freePorts(t)
	keysFile := filepath.Join(t.TempDir(), "api-keys.yaml")
	token := func(tenant string) string {
		p := start(t, nil, "keys", "create", tenant, "--file", keysFile)
		require.Zero(t, p.exit(), p.text())
		for line := range strings.Lines(p.text()) {
			if strings.HasPrefix(line, "tk_") {
				return strings.TrimSpace(line)
			}
		}
		t.Fatalf("no key: %s", p.text())
		return ""
	}
	acme, other := token("acme"), token("globex")
	text, err := os.ReadFile(config)
	require.NoError(t, err)
	text = append(text, []byte("api: {listen: \"127.0.0.1:0\", keys_file: "+keysFile+"}\nrollup: {minute: \"@every 1s\"}\n")...)
	require.NoError(t, os.WriteFile(config, text, 0o600))
	up := start(t, nil, "up", "--config", config, "--data-dir", filepath.Join(t.TempDir(), "data"))
	up.ready()
	api, engine := up.waitFor(`API +http://([^/\s]+)`), up.waitFor(`ClickHouse +http://(\S+)`)
	replay := start(t, nil, "replay", recording, "--new-ids", "--tenant", "acme", "--to", up.waitFor(`OTLP gRPC +(\S+)`))
	require.Zero(t, replay.exit(), replay.text())

	get := func(token, path string) (int, map[string]any) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+api+path, nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		var out map[string]any
		require.NoError(t, json.NewDecoder(resp.Body).Decode(&out))
		return resp.StatusCode, out
	}
	require.Eventually(t, func() bool {
		_, out := get(acme, "/v1/spend?days=2")
		return out["sum"] == "0.001015"
	}, twoMinutes, aMoment)
	status, out := get(other, "/v1/spend?days=2&by=tenant")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "0.00", out["sum"])
	require.Empty(t, out["lines"])
	status, _ = get(acme+"x", "/v1/spend")
	require.Equal(t, http.StatusUnauthorized, status)

	day := ask(t, engine, "SELECT toDate(max(minute)) FROM "+everything)
	model := ask(t, engine, "SELECT any(model) FROM "+everything)
	bill := filepath.Join(t.TempDir(), "bill.csv")
	write := func(amount, more string) {
		require.NoError(t, os.WriteFile(bill, []byte("date,model,item,amount_usd\n"+day+","+model+",,"+amount+"\n"+more), 0o600))
	}
	environment := map[string]string{"TOLLKEEPER_CLICKHOUSE_URL": "http://" + engine + "/tollkeeper"}
	reconcile := func(args ...string) (int, string) {
		p := start(t, environment, append([]string{"reconcile"}, append(args, "--provider", "anthropic", "--month", day[:7])...)...)
		return p.exit(), p.text()
	}
	write("0.001015", "")
	code, said := reconcile("--invoice", bill)
	require.Zero(t, code, said)
	require.Contains(t, said, "Verdict: equal. The ledger is the bill")
	write("0.501015", day+",,\"VAT, 19 %\",0.19\n")
	code, said = reconcile("--invoice", bill)
	require.Equal(t, exitFailed, code, said)
	require.Contains(t, said, "0.50 USD of the difference are unexplained")
	code, said = reconcile("--invoice", bill, "--book", "--reason", "bill")
	require.Zero(t, code, said)
	require.Contains(t, said, "2 adjustments, 0.69 USD")
	require.Contains(t, said, "equals the bill of anthropic: 0.691015 USD")
	code, said = reconcile("--invoice", bill, "--book", "--reason", "bill")
	require.Zero(t, code, said)
	require.Contains(t, said, "nothing is left to book")
	p := start(t, environment, "reconcile", "list", "--provider", "anthropic", "--month", day[:7], "--json")
	require.Zero(t, p.exit(), p.text())
	var first struct{ Booking string }
	require.NoError(t, json.NewDecoder(strings.NewReader(p.text())).Decode(&first), p.text())
	p = start(t, environment, "reconcile", "undo", first.Booking, "--provider", "anthropic", "--month", day[:7], "--reason", "wrong file")
	require.Zero(t, p.exit(), p.text())
	require.Contains(t, p.text(), "is taken back: 2 adjustments")
	p = start(t, environment, "explain", "reserved", "--month", day[:7])
	require.Zero(t, p.exit(), p.text())
	require.Contains(t, p.text(), "The price files reserve none")
	require.Zero(t, up.terminate())
}
