package replay

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorded are the recordings of the tree.
const recorded = "../../collector/genai/testdata/recordings"

// receiver is an OTLP receiver, over gRPC and HTTP. It answers with the errors first, one a request, then takes what comes.
type receiver struct {
	ptraceotlp.UnimplementedGRPCServer

	mu       sync.Mutex
	errors   []error
	reject   int64
	got      []ptrace.Traces
	requests int
	keys     []string
	logs     logReceiver
}

func (r *receiver) Export(ctx context.Context, req ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	md, _ := metadata.FromIncomingContext(ctx)
	r.keys = append(r.keys, md.Get("authorization")...)
	resp := ptraceotlp.NewExportResponse()
	if len(r.errors) > 0 {
		err := r.errors[0]
		r.errors = r.errors[1:]
		return resp, err
	}
	td := ptrace.NewTraces()
	req.Traces().CopyTo(td)
	r.got = append(r.got, td)
	if r.reject > 0 {
		resp.PartialSuccess().SetRejectedSpans(r.reject)
		resp.PartialSuccess().SetErrorMessage("no room")
	}
	return resp, nil
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	if hr.URL.Path == "/v1/logs" {
		r.logs.ServeHTTP(w, hr)
		return
	}
	body, _ := io.ReadAll(hr.Body)
	req := ptraceotlp.NewExportRequest()
	if hr.URL.Path != "/v1/traces" || req.UnmarshalProto(body) != nil {
		http.Error(w, "not here", http.StatusNotFound)
		return
	}
	ctx := metadata.NewIncomingContext(hr.Context(), metadata.Pairs("authorization", hr.Header.Get("Authorization")))
	resp, err := r.Export(ctx, req)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	out, _ := resp.MarshalProto()
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(out)
}

func (r *receiver) grpc(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := grpc.NewServer()
	ptraceotlp.RegisterGRPCServer(s, r)
	plogotlp.RegisterGRPCServer(s, &r.logs)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop()
		if err := <-done; !errors.Is(err, grpc.ErrServerStopped) { // stopped before it began
			require.NoError(t, err)
		}
	})
	return l.Addr().String()
}

func (r *receiver) http(t *testing.T) string {
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	return s.URL
}

// write makes one recording of two spans, ten seconds apart, and returns its path.
func write(t *testing.T, name string) string {
	td := ptrace.NewTraces()
	ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i := range byte(2) {
		s := ss.AppendEmpty()
		s.SetTraceID(pcommon.TraceID{1, 15: 7})
		s.SetSpanID(pcommon.SpanID{2, 7: i})
		if i == 1 {
			s.SetParentSpanID(pcommon.SpanID{2, 7: 0})
		}
		s.SetStartTimestamp(pcommon.Timestamp(1_000_000_000 * (100 + 10*int64(i))))
		s.SetEndTimestamp(s.StartTimestamp() + 5_000_000_000)
		s.Events().AppendEmpty().SetTimestamp(s.StartTimestamp() + 1)
		s.Attributes().PutStr("gen_ai.response.id", "r1")
	}
	var content []byte
	var err error
	if strings.HasSuffix(name, ".pb") {
		content, err = (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	} else {
		content, err = (&ptrace.JSONMarshaler{}).MarshalTraces(td)
	}
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func at(o Options) Options {
	o.now = func() time.Time { return noon }
	return o
}

func all(t *testing.T, r *receiver) (out []ptrace.Span) {
	t.Helper()
	for _, td := range r.got {
		spans(td, func(s ptrace.Span) { out = append(out, s) })
	}
	return out
}

func TestTheNewestSpanEndsNow(t *testing.T) {
	for _, name := range []string{"a.json", "a.pb"} {
		for _, kind := range []string{"grpc", "http"} {
			t.Run(name+" "+kind, func(t *testing.T) {
				r := &receiver{}
				endpoint := r.grpc(t)
				if kind == "http" {
					endpoint = r.http(t)
				}
				stats, err := Replay(t.Context(), write(t, name), endpoint, at(Options{Headers: map[string]string{"authorization": "Bearer k"}}))
				require.NoError(t, err)
				require.Equal(t, Stats{Files: 1, Requests: 1, Spans: 2, Accepted: 2}, stats)
				got := all(t, r)
				require.Equal(t, noon.Add(-15*time.Second), got[0].StartTimestamp().AsTime())
				require.Equal(t, noon.Add(-15*time.Second+1), got[0].Events().At(0).Timestamp().AsTime())
				require.Equal(t, noon, got[1].EndTimestamp().AsTime())
				require.Equal(t, pcommon.TraceID{1, 15: 7}, got[0].TraceID(), "one pass keeps the recorded ids")
				require.Equal(t, []string{"Bearer k"}, r.keys)
			})
		}
	}
}

func TestTimesAreKeptOnDemandAndTheTenantIsClaimed(t *testing.T) {
	r := &receiver{}
	_, err := Replay(t.Context(), write(t, "a.json"), r.grpc(t), Options{KeepTimes: true, Tenant: "acme"})
	require.NoError(t, err)
	require.Equal(t, int64(115), all(t, r)[1].EndTimestamp().AsTime().Unix())
	tenant, _ := r.got[0].ResourceSpans().At(0).Resource().Attributes().Get("tenant.id")
	require.Equal(t, "acme", tenant.Str())
}

func TestRepeatedPassesHaveIDsOfTheirOwn(t *testing.T) {
	r := &receiver{}
	stats, err := Replay(t.Context(), write(t, "a.json"), r.grpc(t), Options{Repeat: 3})
	require.NoError(t, err)
	require.Equal(t, 6, stats.Accepted)
	traces, spanIDs, responses := map[pcommon.TraceID]bool{}, map[pcommon.SpanID]bool{}, map[string]bool{}
	got := all(t, r)
	for i, s := range got {
		traces[s.TraceID()], spanIDs[s.SpanID()] = true, true
		id, _ := s.Attributes().Get("gen_ai.response.id")
		responses[id.Str()] = true
		if i%2 == 1 {
			require.Equal(t, got[i-1].SpanID(), s.ParentSpanID(), "spans of a pass hang together")
			require.Equal(t, got[i-1].TraceID(), s.TraceID())
		} else {
			require.True(t, s.ParentSpanID().IsEmpty(), "a root stays a root")
		}
	}
	require.Len(t, traces, 3)
	require.Len(t, spanIDs, 6)
	require.Len(t, responses, 3)
}

func TestRefusalsForNowAreTriedAgain(t *testing.T) {
	full, err := status.New(codes.ResourceExhausted, "full").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Millisecond)})
	require.NoError(t, err)
	for _, kind := range []string{"grpc", "http"} {
		r := &receiver{errors: []error{status.Error(codes.Unavailable, "starting"), full.Err()}}
		endpoint := r.grpc(t)
		if kind == "http" {
			endpoint = r.http(t)
		}
		stats, err := Replay(t.Context(), write(t, "a.json"), endpoint, Options{})
		require.NoError(t, err)
		require.Equal(t, Stats{Files: 1, Requests: 1, Retries: 2, Spans: 2, Accepted: 2}, stats, kind)
	}
}

func TestRefusalsForGoodEndTheReplay(t *testing.T) {
	r := &receiver{errors: []error{status.Error(codes.Unauthenticated, "who are you")}}
	path := write(t, "a.json")
	stats, err := Replay(t.Context(), path, r.grpc(t), Options{})
	require.ErrorContains(t, err, path)
	require.ErrorContains(t, err, "who are you")
	require.Zero(t, stats)
	require.Equal(t, 1, r.requests)

	_, err = Replay(t.Context(), path, r.http(t)+"/elsewhere", Options{})
	require.ErrorContains(t, err, "404")
}

func TestAnEndpointThatIsNotThereIsGivenUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	for _, endpoint := range []string{address, "http://" + address} {
		var told []error
		_, err := Replay(t.Context(), write(t, "a.json"), endpoint, Options{Timeout: 300 * time.Millisecond, Again: func(err error) { told = append(told, err) }})
		require.ErrorContains(t, err, "gave up after")
		require.ErrorIs(t, err, ErrNoAnswer)
		require.NotEmpty(t, told)
		require.ErrorIs(t, told[0], ErrNoAnswer)
		require.ErrorContains(t, err, "refused")
		require.ErrorContains(t, err, address)
	}
}

func TestACancelledReplayStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := &receiver{}
	_, err := Replay(ctx, write(t, "a.json"), r.grpc(t), Options{Repeat: 1 << 30, Progress: func(s Stats) {
		if s.Files == 3 {
			cancel()
		}
	}})
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, r.got, 3)
}

func TestRejectedSpansAreCounted(t *testing.T) {
	r := &receiver{reject: 1}
	stats, err := Replay(t.Context(), write(t, "a.json"), r.grpc(t), Options{})
	require.NoError(t, err)
	require.Equal(t, Stats{Files: 1, Requests: 1, Spans: 2, Accepted: 1, Rejected: 1, Reason: "no room"}, stats)
}

func TestBadEndpoints(t *testing.T) {
	for _, endpoint := range []string{"", "localhost", "ftp://x:1", "http://", "kafka://x:9092"} {
		_, err := Replay(t.Context(), write(t, "a.json"), endpoint, Options{})
		require.ErrorContains(t, err, "localhost:4317", endpoint)
	}
}

func TestAllRecordingsArrive(t *testing.T) {
	r := &receiver{}
	stats, err := Replay(t.Context(), recorded, r.grpc(t), Options{})
	require.NoError(t, err)
	list, err := Load(recorded)
	require.NoError(t, err)
	paths, err := files(recorded)
	require.NoError(t, err)
	spans, records := 0, 0
	for _, p := range paths {
		sg, err := readFile(p)
		require.NoError(t, err)
		spans, records = spans+sg.traces.SpanCount(), records+sg.logs.LogRecordCount()
	}
	require.Positive(t, records)
	require.Equal(t, len(list), stats.Files)
	require.Equal(t, spans+records, stats.Accepted)
	require.Len(t, all(t, r), spans)
	require.Equal(t, records, r.logs.records())
}
