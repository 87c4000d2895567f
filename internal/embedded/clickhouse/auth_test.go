package clickhouse

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPagesOfOtherSitesAreNobodyWhereThereIsNoPassword(t *testing.T) {
	f := &front{users: map[string]User{"default": {Name: "default"}, "app": {Name: "app", Password: "secret"}}}
	ask := func(host string, header ...string) *http.Request {
		r := httptest.NewRequest(http.MethodPost, "/?query=DROP+DATABASE+tollkeeper", nil)
		r.Host = host
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		return r
	}
	for _, r := range []*http.Request{
		ask("127.0.0.1:8123"), ask("localhost:8123"), ask("[::1]:8123"), ask("127.0.0.1"), ask("127.0.0.1:8123", "Sec-Fetch-Site", "none"),
		ask("127.0.0.1:8123", "Origin", "http://127.0.0.1:8123", "Sec-Fetch-Site", "same-origin"),
	} {
		_, err := f.authenticate(r, r.URL.Query())
		require.NoError(t, err, "%s %v", r.Host, r.Header)
	}
	for _, r := range []*http.Request{
		ask("evil.example:8123"), ask("10.0.0.5:8123"), ask("127.0.0.1:8123", "Origin", "https://evil.example"), ask("127.0.0.1:8123", "Origin", "null"),
		ask("127.0.0.1:8123", "Sec-Fetch-Site", "cross-site"), ask("127.0.0.1:8123", "Sec-Fetch-Site", "same-site"), ask(""),
	} {
		_, err := f.authenticate(r, r.URL.Query())
		require.ErrorContains(t, err, "give the user a password", "%s %v", r.Host, r.Header)
		r.SetBasicAuth("app", "secret")
		_, err = f.authenticate(r, r.URL.Query())
		require.NoError(t, err, "who knows a password is no page's puppet")
	}
}
