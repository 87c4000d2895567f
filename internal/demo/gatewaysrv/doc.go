// Package gatewaysrv is a reference gateway of the kind companies put before their model providers: one address that
// speaks OpenAI's and Anthropic's interfaces, knows a tenant by its API key, and passes calls on with the provider's key.
// The product's limiter sits inside, and the throttle webhook beside.
//
// It owns the mapping from key to tenant and counts what it passed and refused. It refuses unknown keys, and decides
// nothing about limits: package gateway does. Requests come in from apps and from the alerts role's webhook, and go out to
// the upstream server.
package gatewaysrv
