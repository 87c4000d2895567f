package demo

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/tollkeeper/tollkeeper/collector/genai"
	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/internal/demo/apps"
	"github.com/tollkeeper/tollkeeper/internal/demo/modelserver"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// receiver is an OTLP gRPC endpoint that keeps what it gets.
type receiver struct {
	collectortrace.UnimplementedTraceServiceServer
	addr  string
	mu    sync.Mutex
	spans []span
	raw   []ptrace.Traces
}

type span struct {
	tenant string
	name   string
	failed bool
	attrs  map[string]any
}

func startReceiver(t *testing.T) *receiver {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &receiver{addr: l.Addr().String()}
	srv := grpc.NewServer()
	collectortrace.RegisterTraceServiceServer(srv, r)
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(srv.Stop)
	return r
}

func (r *receiver) Export(_ context.Context, req *collectortrace.ExportTraceServiceRequest) (*collectortrace.ExportTraceServiceResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	raw, err := proto.Marshal(req)
	if err != nil {
		return nil, err
	}
	again := ptraceotlp.NewExportRequest()
	if err := again.UnmarshalProto(raw); err != nil {
		return nil, err
	}
	r.raw = append(r.raw, again.Traces())
	for _, rs := range req.ResourceSpans {
		tenant := ""
		for _, kv := range rs.Resource.Attributes {
			if kv.Key == "tenant.id" {
				tenant = kv.Value.GetStringValue()
			}
		}
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				attrs := map[string]any{}
				for _, kv := range s.Attributes {
					attrs[kv.Key] = kv.Value.GetIntValue()
					if text := kv.Value.GetStringValue(); text != "" {
						attrs[kv.Key] = text
					}
				}
				r.spans = append(r.spans, span{tenant, s.Name, s.Status.GetCode() == tracepb.Status_STATUS_CODE_ERROR, attrs})
			}
		}
	}
	return &collectortrace.ExportTraceServiceResponse{}, nil
}

// bill reckons what the spans say was used, by the model server's prices: the way from usage over the wire, through the
// app, into attributes and out again loses nothing.
func (r *receiver) bill(t *testing.T) (bills map[string]modelserver.Bill, failed int64) {
	t.Helper()
	prices := map[string]modelserver.Price{}
	for _, m := range modelserver.Models() {
		prices[m.Snapshot] = m.Price
	}
	bills = map[string]modelserver.Bill{}
	for _, s := range r.spans {
		operation := s.attrs["gen_ai.operation.name"]
		if operation != "chat" && operation != "embeddings" {
			require.Contains(t, []any{"invoke_agent", "execute_tool"}, operation)
			require.NotContains(t, s.attrs, "gen_ai.usage.input_tokens", "agents and tools are not billed")
			continue
		}
		if s.failed {
			require.NotContains(t, s.attrs, "gen_ai.usage.input_tokens")
			require.NotEmpty(t, s.attrs["error.type"])
			failed++
			continue
		}
		n := func(key string) int64 { v, _ := s.attrs[key].(int64); return v }
		price, ok := prices[s.attrs["gen_ai.response.model"].(string)]
		require.True(t, ok, "response model %v", s.attrs["gen_ai.response.model"])
		amount := price.Bill(modelserver.Usage{
			Input: n("gen_ai.usage.input_tokens"), Output: n("gen_ai.usage.output_tokens"),
			CacheRead:  n("gen_ai.usage.cache_read.input_tokens"),
			CacheWrite: n("gen_ai.usage.cache_write.input_tokens") + n("gen_ai.usage.cache_creation.input_tokens"),
		})
		b := bills[s.tenant]
		bills[s.tenant] = modelserver.Bill{Calls: b.Calls + 1, Amount: b.Amount.AddMoney(amount)}
	}
	return bills, failed
}

// ledgerBill reckons what the product's own reader and price book make of the spans.
func (r *receiver) ledgerBill(t *testing.T) (bills map[string]modelserver.Bill, failed int64) {
	t.Helper()
	rules, err := genai.BuiltinRules()
	require.NoError(t, err)
	book, err := pricing.Builtin()
	require.NoError(t, err)
	reader := genai.NewReader(rules)
	bills = map[string]modelserver.Bill{}
	for _, traces := range r.raw {
		for _, rs := range traces.ResourceSpans().All() {
			resource := genai.ReadResource(rs.Resource())
			tenant, _ := rs.Resource().Attributes().Get("tenant.id")
			for _, ss := range rs.ScopeSpans().All() {
				scope := reader.Scope(ss.Scope())
				for _, s := range ss.Spans().All() {
					var c ledger.Call
					if reader.Read(s, &resource, scope, &c) != genai.Call {
						require.NotContains(t, s.Name(), "chat ")
						continue
					}
					book.Rate(&c)
					require.Empty(t, c.Unpriced, "%s %v", s.Name(), s.Attributes().AsRaw())
					require.Zero(t, c.Flags&ledger.FlagsDoubt, "%s %v", s.Name(), s.Attributes().AsRaw())
					if c.ErrorClass != "" {
						failed++
						continue
					}
					b := bills[tenant.Str()]
					bills[tenant.Str()] = modelserver.Bill{Calls: b.Calls + 1, Amount: b.Amount.AddMoney(c.TotalCost())}
				}
			}
		}
	}
	return bills, failed
}

func chatBody() io.Reader {
	return strings.NewReader(`{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}]}`)
}

func startServers(t *testing.T, secret string) *Servers {
	t.Helper()
	s, err := StartServers(ServersOptions{Secrets: []string{secret}, Seed: 1, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
	return s
}

func TestSpansCarryWhatWasBilled(t *testing.T) {
	servers, otlp := startServers(t, gateway.NewSecret()), startReceiver(t)
	traffic, err := StartTraffic(t.Context(), TrafficOptions{Gateway: servers.GatewayURL, OTLP: otlp.addr, Seed: 1,
		Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	for _, p := range apps.Profiles() {
		traffic.SetPace(p.Tenant, 10)
	}
	cached := func() bool {
		var read, written, failed bool
		for _, b := range servers.Model.Truth().Calls() {
			read = read || b.Usage.CacheRead > 0
			written = written || b.Usage.CacheWrite > 0
		}
		for _, c := range traffic.Counts() {
			failed = failed || c.Failed > 0
		}
		return read && written && failed && len(servers.Model.Truth().Tenants()) == len(apps.Profiles())
	}
	require.Eventually(t, cached, 30*time.Second, 10*time.Millisecond, "the traffic has cached prompts and errors of every kind")
	require.NoError(t, traffic.Stop(t.Context()))

	bills, failed := otlp.bill(t)
	require.Equal(t, servers.Model.Truth().Tenants(), bills)
	read, unanswered := otlp.ledgerBill(t)
	require.Equal(t, bills, read, "the product reads and prices the spans as the model server billed")
	require.Equal(t, failed, unanswered)
	var made apps.Counts
	for _, c := range traffic.Counts() {
		made = made.Add(c)
	}
	require.Equal(t, made.OK, servers.Model.Truth().Total().Calls)
	require.Equal(t, made.Made, made.OK+failed)
	require.Equal(t, made.Made, made.OK+made.Refused+made.Failed)
}

func TestTrafficAloneLosesNothingWhenItIsStopped(t *testing.T) {
	servers, otlp := startServers(t, gateway.NewSecret()), startReceiver(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- RunTraffic(ctx, TrafficOptions{Gateway: servers.GatewayURL, OTLP: otlp.addr, Log: slog.New(slog.DiscardHandler)})
	}()
	require.Eventually(t, func() bool { return servers.Model.Truth().Total().Calls > 10 }, 30*time.Second, 10*time.Millisecond)
	cancel()
	require.NoError(t, <-done)
	bills, _ := otlp.bill(t)
	require.Equal(t, servers.Model.Truth().Tenants(), bills)
}

func TestServersNameTheAddressThatIsTaken(t *testing.T) {
	servers := startServers(t, gateway.NewSecret())
	taken := strings.TrimPrefix(servers.GatewayURL, "http://")
	_, err := StartServers(ServersOptions{GatewayAddr: taken, Secrets: []string{gateway.NewSecret()}, Log: slog.New(slog.DiscardHandler)})
	require.ErrorContains(t, err, "gateway on "+taken)
	err = RunServers(t.Context(), ServersOptions{ModelAddr: taken, Secrets: []string{gateway.NewSecret()}, Log: slog.New(slog.DiscardHandler)})
	require.ErrorContains(t, err, "model server on "+taken)
	err = RunServers(t.Context(), ServersOptions{Log: slog.New(slog.DiscardHandler)})
	require.ErrorContains(t, err, "secrets")
}

func TestGatewayRefusesAThrottledTenantAndUnknownKeys(t *testing.T) {
	secret := gateway.NewSecret()
	servers := startServers(t, secret)
	call := func(key string) int {
		req, err := http.NewRequest(http.MethodPost, servers.GatewayURL+"/v1/chat/completions", chatBody())
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+key)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return resp.StatusCode
	}
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	require.Equal(t, http.StatusUnauthorized, call("sk-nobody"))
	require.Equal(t, http.StatusOK, call("sk-demo-acme"))

	cfg := gateway.DefaultClientConfig()
	cfg.URL, cfg.Secrets, cfg.AllowNetworks = servers.WebhookURL(), []string{secret}, []string{"127.0.0.0/8"}
	client, err := gateway.NewClient(cfg, time.Now)
	require.NoError(t, err)
	defer client.Close()
	now := time.Now()
	ack, err := client.Send(t.Context(), gateway.Command{Subject: gateway.Tenant("acme-support"), Level: gateway.Block, Reason: "spend spike",
		Rule: "manual", Episode: "e1", Sequence: 1, Issued: now, Expires: now.Add(time.Minute)})
	require.NoError(t, err)
	require.True(t, ack.Applied && ack.Proved)
	require.Equal(t, http.StatusTooManyRequests, call("sk-demo-acme"))
	require.Equal(t, http.StatusOK, call("sk-demo-globex"), "another tenant goes on")

	billed := servers.Model.Truth().Tenants()["acme-support"]
	_, err = client.Send(t.Context(), gateway.Command{Subject: gateway.Tenant("acme-support"), Level: gateway.Release, Rule: "manual",
		Episode: "e1", Sequence: 2, Issued: now, Expires: now.Add(time.Minute)})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, call("sk-demo-acme"))
	require.Equal(t, billed.Calls+1, servers.Model.Truth().Tenants()["acme-support"].Calls, "what was refused was not billed")
	require.Equal(t, int64(1), servers.Gateway.Counts()["acme-support"].Refused)
	require.Equal(t, int64(2), servers.Gateway.Counts()["acme-support"].Passed)
	require.NotEqual(t, ledger.Sum{}, billed.Amount)
}
