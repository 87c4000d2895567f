// Package apps simulates the apps of several tenants that call models through a gateway, as real ones do: over HTTP, with
// and without streams, with cached prompts, embeddings and agents that loop over tools, and report each call as a span with
// the OpenTelemetry SDK for Go over OTLP gRPC.
//
// It owns what the apps do and how often (profiles.go), the HTTP client (client.go), and how spans are named
// (spans.go): most with the current names of the GenAI conventions, one app with those of before, so that both are seen. It
// refuses to know prices. What goes in are the gateway's and the collector's addresses; out go requests and spans.
// Stopping an app waits for its calls in flight and exports every span.
package apps
