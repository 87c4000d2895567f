package apps

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Scope is the instrumentation scope of the apps' spans.
const Scope = "github.com/tollkeeper/tollkeeper/internal/demo/apps"

// ExportEvery is how long the SDK holds spans back before it exports them.
const ExportEvery = 500 * time.Millisecond

// exportLimit bounds one export with its retries. It is long, since a span lost is a call not in the ledger.
const exportLimit = 90 * time.Second

// tracing is the app's OpenTelemetry SDK.
type tracing struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	names    Names
	server   []attribute.KeyValue
}

// newTracing sets the SDK up as an app would: its tenant is a resource attribute, spans go out every half second by gRPC,
// and what the collector can't take is retried. The queue blocks instead of dropping.
func newTracing(ctx context.Context, p Profile, endpoint string, gateway string) (*tracing, error) {
	exporter, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(endpoint), otlptracegrpc.WithInsecure(),
		otlptracegrpc.WithTimeout(exportLimit),
		otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{Enabled: true, InitialInterval: 200 * time.Millisecond,
			MaxInterval: 2 * time.Second, MaxElapsedTime: exportLimit}))
	if err != nil {
		return nil, fmt.Errorf("otlp exporter to %s: %w", endpoint, err)
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", p.Service), attribute.String("tenant.id", p.Tenant),
			attribute.String("deployment.environment.name", p.Environment), attribute.String("team", p.Team))),
		sdktrace.WithBatcher(exporter, sdktrace.WithBatchTimeout(ExportEvery), sdktrace.WithMaxQueueSize(8192),
			sdktrace.WithMaxExportBatchSize(1024), sdktrace.WithExportTimeout(exportLimit), sdktrace.WithBlocking()),
	)
	t := &tracing{provider: provider, tracer: provider.Tracer(Scope), names: p.Names}
	if u, err := url.Parse(gateway); err == nil {
		t.server = append(t.server, attribute.String("server.address", u.Hostname()))
		if port, err := strconv.Atoi(u.Port()); err == nil {
			t.server = append(t.server, attribute.Int("server.port", port))
		}
	}
	return t, nil
}

// close exports what is left, within the limit of ctx.
func (t *tracing) close(ctx context.Context, log *slog.Logger) error {
	if err := t.provider.Shutdown(ctx); err != nil {
		log.Error("spans were not exported", "error", err)
		return fmt.Errorf("export the last spans: %w", err)
	}
	return nil
}

// providerKey is the attribute that names the provider.
func (t *tracing) providerKey() string {
	if t.names == NamesPrevious {
		return "gen_ai.system"
	}
	return "gen_ai.provider.name"
}

// startCall opens the span of one request to a model.
func (t *tracing) startCall(ctx context.Context, operation, provider string, task Task) (context.Context, trace.Span) {
	attrs := append([]attribute.KeyValue{
		attribute.String("gen_ai.operation.name", operation), attribute.String(t.providerKey(), provider),
		attribute.String("gen_ai.request.model", task.Model),
	}, t.server...)
	if task.Kind == KindStream || task.Stream {
		attrs = append(attrs, attribute.Bool("gen_ai.request.stream", true))
	}
	if task.Limit > 0 {
		attrs = append(attrs, attribute.Int64("gen_ai.request.max_tokens", task.Limit))
	}
	return t.tracer.Start(ctx, operation+" "+task.Model, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attrs...))
}

// endCall writes down what the answer said, or what went wrong. An error carries no usage: none was billed.
func (t *tracing) endCall(span trace.Span, r reply, err error) {
	defer span.End()
	if err != nil {
		kind := fmt.Sprintf("%T", err)
		if status := (statusError{}); errors.As(err, &status) {
			kind = strconv.Itoa(status.code)
		}
		span.SetAttributes(attribute.String("error.type", kind))
		span.SetStatus(codes.Error, err.Error())
		return
	}
	attrs := []attribute.KeyValue{
		attribute.String("gen_ai.response.model", r.model), attribute.Int64("gen_ai.usage.input_tokens", r.usage.input),
	}
	count := func(key string, n int64) {
		if n > 0 {
			attrs = append(attrs, attribute.Int64(key, n))
		}
	}
	count("gen_ai.usage.output_tokens", r.usage.output)
	count("gen_ai.usage.cache_read.input_tokens", r.usage.cacheRead)
	count("gen_ai.usage.reasoning.output_tokens", r.usage.reasoning)
	if t.names == NamesPrevious {
		count("gen_ai.usage.cache_creation.input_tokens", r.usage.cacheWrite)
	} else {
		count("gen_ai.usage.cache_write.input_tokens", r.usage.cacheWrite)
	}
	if r.id != "" {
		attrs = append(attrs, attribute.String("gen_ai.response.id", r.id))
	}
	if r.finish != "" {
		attrs = append(attrs, attribute.StringSlice("gen_ai.response.finish_reasons", []string{r.finish}))
	}
	if r.firstChunk > 0 {
		attrs = append(attrs, attribute.Float64("gen_ai.response.time_to_first_chunk", r.firstChunk.Seconds()))
	}
	span.SetAttributes(attrs...)
}
