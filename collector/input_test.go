package collector

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/tollkeeper/tollkeeper/collector/countsink"
	"github.com/tollkeeper/tollkeeper/internal/testkit/kafkatest"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// Bytes that are not OTLP are refused as the client's fault and hurt nothing.
func TestGarbageIsRefused(t *testing.T) {
	broker := kafkatest.New(t)
	c := start(t, broker.Brokers, keepAll)
	whole, err := ptraceotlp.NewExportRequestFromTraces(testTraces(t, 1, 1)).MarshalProto()
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	url := "http://" + c.HTTPAddr() + "/v1/traces"
	for name, in := range map[string]struct {
		contentType string
		body        []byte
		code        int
	}{
		"garbage":    {"application/x-protobuf", []byte("\xff\xfe this is not a protobuf \x00\x01"), 400},
		"truncated":  {"application/x-protobuf", whole[:len(whole)-7], 400},
		"json":       {"application/json", []byte(`{"resourceSpans": [{`), 400},
		"wrong type": {"text/plain", []byte("hello"), 415},
	} {
		t.Run("http "+name, func(t *testing.T) {
			err := post(t.Context(), client, url, in.contentType, in.body)
			require.ErrorAs(t, err, &httpError{})
			require.Equal(t, in.code, err.(httpError).code)
		})
	}
	t.Run("grpc", func(t *testing.T) {
		conn, err := grpc.NewClient(c.GRPCAddr(), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{})))
		require.NoError(t, err)
		defer conn.Close()
		for _, body := range [][]byte{[]byte("\xff\xfe\xfd"), whole[:len(whole)-7]} {
			var answer []byte
			require.Error(t, conn.Invoke(t.Context(), "/opentelemetry.proto.collector.trace.v1.TraceService/Export", body, &answer))
		}
	})
	require.Empty(t, calls(t, broker))
	require.NoError(t, c.client(t, "grpc")(t.Context(), testTraces(t, 1, 1)))
	require.Len(t, calls(t, broker), 1)
}

// A small request that unpacks to a huge one is refused before it takes the memory.
func TestRequestsAreBounded(t *testing.T) {
	broker := kafkatest.New(t)
	c := start(t, broker.Brokers, func(cfg *Config) { cfg.MaxRequestMiB = 1 })
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := io.CopyN(w, zeros{}, 32<<20)
	require.NoError(t, errors.Join(err, w.Close()))
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+c.HTTPAddr()+"/v1/traces", &packed)
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("Content-Encoding", "gzip")
	resp, err := client.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.GreaterOrEqual(t, resp.StatusCode, 400)
	require.Less(t, resp.StatusCode, 500)

	big := testTraces(t, 1, 1)
	for span := range spansOf(big) {
		span.Attributes().PutStr("big", strings.Repeat("x", 2<<20))
	}
	require.Equal(t, codes.ResourceExhausted, status.Code(c.client(t, "grpc")(t.Context(), big)))
	require.NoError(t, c.client(t, "grpc")(t.Context(), testTraces(t, 1, 1)))
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// raw sends bytes as they are.
type raw struct{}

func (raw) Marshal(v any) ([]byte, error)   { return v.([]byte), nil }
func (raw) Unmarshal(b []byte, v any) error { *v.(*[]byte) = b; return nil }
func (raw) Name() string                    { return "proto" }

// What a client writes in our name is removed: it can neither forge a call nor a tenant nor a reason to keep its spans.
func TestReservedAttributesOfClientsAreRemoved(t *testing.T) {
	broker := kafkatest.New(t)
	c := start(t, broker.Brokers, keepAll)
	traces := testTraces(t, 1, 0)
	forged := ledger.AppendBatch(nil, []ledger.Call{{Tenant: "victim"}})
	for span := range spansOf(traces) {
		span.Attributes().PutEmptyBytes(ledger.AttrCalls).FromRaw(forged)
		span.Attributes().PutStr("tollkeeper.tenant", "victim")
	}
	resource := traces.ResourceSpans().At(0).Resource().Attributes()
	resource.PutStr("tollkeeper.tenant", "victim")
	resource.PutEmptyBytes(ledger.AttrCalls).FromRaw(forged)
	require.NoError(t, c.client(t, "grpc")(t.Context(), traces))
	require.NoError(t, c.stop())
	require.Empty(t, calls(t, broker))
	for _, span := range storedSpans(t, broker) {
		require.NotContains(t, span.Attributes().AsRaw(), ledger.AttrCalls)
		require.NotEqual(t, "victim", span.Attributes().AsRaw()["tollkeeper.tenant"])
	}
}

// The depth of a model server's queue goes from its own gauge to /metrics, from where the boards have it.
func TestQueueDepthIsKept(t *testing.T) {
	broker := kafkatest.New(t)
	c := start(t, broker.Brokers, func(cfg *Config) {
		cfg.QueueDepth = []countsink.Queue{{Metric: "vllm:num_requests_waiting", Model: "model_name"}}
	})
	conn, err := grpc.NewClient(c.GRPCAddr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer conn.Close()
	metrics := pmetric.NewMetrics()
	m := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("vllm:num_requests_waiting")
	point := m.SetEmptyGauge().DataPoints().AppendEmpty()
	point.SetIntValue(12)
	point.Attributes().PutStr("model_name", "llama")
	_, err = pmetricotlp.NewGRPCClient(conn).Export(context.Background(), pmetricotlp.NewExportRequestFromMetrics(metrics))
	require.NoError(t, err)
	require.EqualValues(t, 12, c.metric(t, "tollkeeper_queue_depth"))
}

func TestMetricsAndLogsAreAcceptedAndCounted(t *testing.T) {
	broker := kafkatest.New(t)
	c := start(t, broker.Brokers, nil)
	conn, err := grpc.NewClient(c.GRPCAddr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer conn.Close()
	metrics, logs := pmetric.NewMetrics(), plog.NewLogs()
	points := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetEmptyGauge().DataPoints()
	points.AppendEmpty().SetIntValue(1)
	points.AppendEmpty().SetIntValue(2)
	logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr("hello")
	_, err = pmetricotlp.NewGRPCClient(conn).Export(context.Background(), pmetricotlp.NewExportRequestFromMetrics(metrics))
	require.NoError(t, err)
	_, err = plogotlp.NewGRPCClient(conn).Export(context.Background(), plogotlp.NewExportRequestFromLogs(logs))
	require.NoError(t, err)
	require.EqualValues(t, 2, c.metric(t, "tollkeeper_collector_accepted_metric_points_total"))
	require.EqualValues(t, 1, c.metric(t, "tollkeeper_collector_accepted_log_records_total"))
}
