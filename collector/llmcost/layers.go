package llmcost

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tollkeeper/tollkeeper/collector/genai"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// layers remembers where calls may be told twice: services in which a framework reports calls, or two instrumentations report
// those to one provider, and tenants that have a gateway. What the providers' clients report there is a candidate of settlement
// even if its twin comes in another request; all other clients' calls are not (DESIGN D4: most calls need no settlement).
//
// It is a memory of one collector, so it learns: what comes in a request before the first report of the second layer since its start
// is not flagged, unless always is set.
type layers struct {
	always  bool        // no need to learn: every client's call may be told by another layer
	doubles atomic.Bool // seen holds a place where calls may be told twice
	mu      sync.RWMutex
	seen    map[place]sight
}

// place is a service of a tenant in which calls may be told twice; without a service, a tenant with a gateway; with a provider,
// a service whose clients call it.
type place struct{ tenant, service, provider string }

type sight struct {
	at      int64  // Unix nanoseconds
	emitter string // of the clients' calls to a provider: who reported last
}

const (
	// layersKept is how long a layer counts as being there after its last report.
	layersKept = int64(time.Hour)
	// layersFresh is how much later a report renews the memory; between, noting costs a look-up.
	layersFresh = int64(time.Minute)
	// maxLayers bounds the memory of names, which are up to the senders.
	maxLayers = 4096
	// noService stands for a service without a name: another one than no service at all.
	noService = "unknown_service"
)

// noted is what note looks at. The same again in one request tells nothing.
type noted struct {
	layer                              genai.Layer
	tenant, service, provider, emitter string
}

// note remembers who reported a call.
func (l *layers) note(layer genai.Layer, c *ledger.Call, now int64) {
	p := place{tenant: c.Tenant, service: c.Service}
	if p.service == "" {
		p.service = noService
	}
	switch layer {
	case genai.LayerGateway:
		p.service = ""
	case genai.LayerSDK:
		p.provider = c.Provider
	}
	l.mu.RLock()
	last, ok := l.seen[p]
	l.mu.RUnlock()
	if ok && now-last.at < layersFresh && (layer != genai.LayerSDK || last.emitter == c.Emitter) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if layer != genai.LayerSDK {
		l.keep(p, sight{at: now})
		l.doubles.Store(true)
		return
	}
	l.keep(p, sight{now, c.Emitter})
	if ok && now-last.at < layersKept && last.emitter != c.Emitter {
		l.keep(place{tenant: p.tenant, service: p.service}, sight{at: now})
		l.doubles.Store(true)
	}
}

// keep writes an entry whose texts outlive the span's memory. When there is no room, what has expired goes, and if nothing has,
// whatever comes first.
func (l *layers) keep(p place, s sight) {
	if _, ok := l.seen[p]; !ok && len(l.seen) >= maxLayers {
		for old, last := range l.seen {
			if s.at-last.at >= layersKept {
				delete(l.seen, old)
			}
		}
		for old := range l.seen {
			if len(l.seen) < maxLayers {
				break
			}
			delete(l.seen, old)
		}
	}
	s.emitter = strings.Clone(s.emitter)
	l.seen[place{strings.Clone(p.tenant), strings.Clone(p.service), strings.Clone(p.provider)}] = s
}

// around reports whether a client's call may be told by another layer too: its service is a place where calls are told twice, or
// its tenant has a gateway and it didn't call the provider itself.
func (l *layers) around(tenant, service string, direct bool, now int64) bool {
	if l.always || !l.doubles.Load() {
		return l.always
	}
	if service == "" {
		service = noService
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if last, ok := l.seen[place{tenant: tenant, service: service}]; ok && now-last.at < layersKept {
		return true
	}
	last, ok := l.seen[place{tenant: tenant}]
	return ok && !direct && now-last.at < layersKept
}
