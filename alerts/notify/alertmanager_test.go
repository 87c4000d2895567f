package notify

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// An Alertmanager refuses a whole request for one alert that ends before it starts, as one does that began before the clock was set back.
func TestNoAlertEndsBeforeItStarts(t *testing.T) {
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	var got []postable
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
	}))
	defer s.Close()
	cfg := DefaultConfig()
	cfg.AllowNetworks = []string{"127.0.0.0/8"}
	cfg.Alertmanagers = []Alertmanager{{Name: "am", URL: s.URL}}
	receivers, client, err := cfg.receivers(func() time.Time { return now })
	require.NoError(t, err)
	defer client.CloseIdleConnections()
	resolved, firing := about("budget"), about("spike")
	resolved.State, resolved.At, resolved.Started = "resolved", now, now.Add(time.Hour)
	firing.Started = now.Add(24 * time.Hour)
	require.NoError(t, receivers[0].send(t.Context(), []*Message{&resolved, &firing}))
	require.Len(t, got, 2)
	for _, p := range got {
		require.False(t, p.EndsAt.Before(p.StartsAt), "%s to %s", p.StartsAt, p.EndsAt)
	}
}
