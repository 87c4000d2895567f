package schema

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// A server that refuses everything, or isn't one, is named with what to do about it; an error of one statement stays as it is.
func TestRefusalsNameTheRemedy(t *testing.T) {
	for name, c := range map[string]struct {
		status         int
		code, text     string
		user, database string
		want           string
	}{
		"wrong password":    {403, "516", "Code: 516. DB::Exception: toll: Authentication failed. (AUTHENTICATION_FAILED)", "toll", "ledger", `correct user and password in clickhouse.url (or TOLLKEEPER_CLICKHOUSE_URL; it says user "toll")`},
		"missing database":  {404, "81", "Code: 81. DB::Exception: Database ledger does not exist. (UNKNOWN_DATABASE)", "toll", "ledger", "`tollkeeper schema apply` makes database \"ledger\""},
		"missing table":     {404, "60", "Code: 60. DB::Exception: Unknown table. (UNKNOWN_TABLE)", "toll", "ledger", "`tollkeeper schema apply` makes"},
		"no right":          {403, "497", "Code: 497. DB::Exception: toll: Not enough privileges. (ACCESS_DENIED)", "toll", "ledger", `grant that to user "toll"`},
		"a full disk":       {500, "243", "Code: 243. DB::Exception: Cannot reserve 1.00 MiB. (NOT_ENOUGH_SPACE)", "toll", "ledger", "is full: free space there"},
		"a tenant":          {403, "516", "Code: 516. DB::Exception: Authentication failed. (AUTHENTICATION_FAILED)", ledger.TenantUser("acme"), "ledger", "`tollkeeper dashboards isolate`"},
		"another server":    {404, "", "no such page", "toll", "ledger", "is not ClickHouse's HTTP interface, or a proxy before it: correct clickhouse.url"},
		"a statement's own": {400, "62", "Code: 62. DB::Exception: Syntax error. (SYNTAX_ERROR)", "toll", "ledger", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if c.code != "" {
					w.Header().Set(exceptionCode, c.code)
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.text)
			}))
			defer s.Close()
			conn, err := Open("http://" + c.user + ":sesame@" + s.Listener.Addr().String() + "/" + c.database)
			require.NoError(t, err)
			defer conn.Close()
			err = conn.Exec(t.Context(), "SELECT 1")
			require.Error(t, err)
			require.NotContains(t, err.Error(), "sesame")
			var refusal *Refusal
			if c.want == "" {
				require.NotErrorAs(t, err, &refusal)
				return
			}
			require.ErrorAs(t, err, &refusal)
			require.ErrorContains(t, err, c.want)
			require.Equal(t, c.code, refusal.Code)
			if c.code != "" {
				require.ErrorContains(t, err, c.text)
			}
		})
	}
}

func TestNobodyThereNamesTheRemedy(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	for url, want := range map[string]string{
		"http://" + address + "/x":                         "start the ClickHouse server at " + address + ", or correct clickhouse.url",
		"https://" + plain.Listener.Addr().String() + "/x": "speaks none: write http://",
		secure.URL + "/x":                                  "trust its certificate's authority",
	} {
		conn, err := Open(url)
		require.NoError(t, err)
		require.ErrorContains(t, conn.Exec(t.Context(), "SELECT 1"), want)
		require.NoError(t, conn.Close())
	}
}

func TestAClosedClientKeepsNoConnection(t *testing.T) {
	closed := make(chan struct{})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			close(closed)
		}
	}
	s.Start()
	client := http.Client{Transport: advised{Target{}, &http.Transport{}}}
	res, err := client.Get(s.URL)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	client.CloseIdleConnections()
	<-closed
	s.Close()
}
