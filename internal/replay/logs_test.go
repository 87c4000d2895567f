package replay

import (
	"context"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
)

// logReceiver takes log records.
type logReceiver struct {
	plogotlp.UnimplementedGRPCServer

	mu     sync.Mutex
	got    []plog.Logs
	reject int64 // of the first request
}

func (r *logReceiver) Export(_ context.Context, req plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ld := plog.NewLogs()
	req.Logs().CopyTo(ld)
	r.got = append(r.got, ld)
	resp := plogotlp.NewExportResponse()
	if r.reject > 0 {
		resp.PartialSuccess().SetRejectedLogRecords(r.reject)
		resp.PartialSuccess().SetErrorMessage("no room")
	}
	r.reject = 0
	return resp, nil
}

func (r *logReceiver) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	body, _ := io.ReadAll(hr.Body)
	req := plogotlp.NewExportRequest()
	if req.UnmarshalProto(body) != nil {
		http.Error(w, "not here", http.StatusNotFound)
		return
	}
	resp, _ := r.Export(hr.Context(), req)
	out, _ := resp.MarshalProto()
	_, _ = w.Write(out)
}

func (r *logReceiver) records() (n int) {
	for _, ld := range r.got {
		n += ld.LogRecordCount()
	}
	return n
}

const oneEvent = `{"resourceLogs":[{"scopeLogs":[{"scope":{"name":"codex_otel"},"logRecords":[{"observedTimeUnixNano":"1700000001000000000",
"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","attributes":[
{"key":"event.timestamp","value":{"stringValue":"2023-11-14T22:13:20.5Z"}},{"key":"conversation.id","value":{"stringValue":"c-1"}},
{"key":"tenant.id","value":{"stringValue":"theirs"}}]}]}]}]}`

// Events go out as logs, moved in time with what they say of it, with the ids and the tenant of their pass.
func TestEventsAreSentAsLogs(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	for _, protocol := range []string{"grpc", "http"} {
		t.Run(protocol, func(t *testing.T) {
			r := &receiver{logs: logReceiver{reject: 1}}
			to := map[string]func(*testing.T) string{"grpc": r.grpc, "http": r.http}[protocol](t)
			dir := t.TempDir()
			put(t, dir, "a.json", oneEvent)
			stats, err := Replay(t.Context(), dir, to, Options{Repeat: 2, Tenant: "acme", now: func() time.Time { return now }})
			require.NoError(t, err)
			require.Equal(t, Stats{Files: 2, Requests: 2, Spans: 2, Accepted: 1, Rejected: 1, Reason: "no room"}, stats)
			require.Empty(t, r.got, "no empty request of spans")
			require.Len(t, r.logs.got, 2)
			ids := map[string]bool{}
			for _, ld := range r.logs.got {
				rl := ld.ResourceLogs().At(0)
				require.Equal(t, map[string]any{"tenant.id": "acme"}, rl.Resource().Attributes().AsRaw())
				record := rl.ScopeLogs().At(0).LogRecords().At(0)
				require.Equal(t, now, record.ObservedTimestamp().AsTime())
				require.Zero(t, record.Timestamp(), "what isn't told stays so")
				attrs := record.Attributes().AsRaw()
				require.Equal(t, "2026-11-28T11:59:59.5Z", attrs["event.timestamp"])
				require.Equal(t, "acme", attrs["tenant.id"])
				ids[record.TraceID().String()] = true
				ids[attrs["conversation.id"].(string)] = true
			}
			require.Len(t, ids, 4, "another pass is other calls")
			require.Contains(t, ids, "c-1")
		})
	}
}
