package chaos

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// Ways in which a line is cut.
const (
	cutRefuse   = "refused"     // nobody listens, open connections are closed
	cutHalfOpen = "half-open"   // connections stay open, nothing passes
	cutAnswers  = "answers"     // requests pass, answers don't
	cutSlow     = "slow"        // 0.2 to 0.6 s later, 64 kB/s
	cutReset    = "reset"       // connections end in the middle
	cutMiddle   = "cut in half" // connections end after 20 kB of a request
)

var cuts = []string{cutRefuse, cutHalfOpen, cutAnswers, cutSlow, cutReset, cutMiddle}

// toxicsOf are toxiproxy's settings of a cut, https://github.com/Shopify/toxiproxy#toxics (read November 2026).
var toxicsOf = map[string][]string{
	cutHalfOpen: {
		`{"name": "up", "type": "timeout", "stream": "upstream", "attributes": {"timeout": 0}}`,
		`{"name": "down", "type": "timeout", "stream": "downstream", "attributes": {"timeout": 0}}`,
	},
	cutAnswers: {`{"name": "down", "type": "timeout", "stream": "downstream", "attributes": {"timeout": 0}}`},
	cutSlow: {
		`{"name": "late", "type": "latency", "stream": "downstream", "attributes": {"latency": 400, "jitter": 200}}`,
		`{"name": "thin", "type": "bandwidth", "stream": "upstream", "attributes": {"rate": 64}}`,
	},
	cutReset:  {`{"name": "reset", "type": "reset_peer", "stream": "downstream", "attributes": {"timeout": 50}}`},
	cutMiddle: {`{"name": "limit", "type": "limit_data", "stream": "upstream", "attributes": {"bytes": 20000}}`},
}

// link is a line between two processes that can be cut.
type link struct {
	mu    sync.Mutex
	proxy *toxiproxy.Proxy
	cuts  int // under way
}

// lines makes links.
type lines struct{ server *toxiproxy.ApiServer }

func newLines() lines {
	zerolog.SetGlobalLevel(zerolog.Disabled) // toxiproxy's bandwidth writes a line for every packet to the global logger
	return lines{toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())}
}

// open starts a line from an address to another.
func (l lines) open(name, listen, upstream string) (*link, error) {
	p := toxiproxy.NewProxy(l.server, name, listen, upstream)
	if err := p.Start(); err != nil {
		return nil, fmt.Errorf("line %s: %w", name, err)
	}
	return &link{proxy: p}, nil
}

func (l *link) cut(how string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cuts++
	if l.cuts > 1 { // one at a time
		return nil
	}
	if how == cutRefuse {
		l.proxy.Stop()
		return nil
	}
	for _, toxic := range toxicsOf[how] {
		if _, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
			return fmt.Errorf("cut %s: %w", how, err)
		}
	}
	return nil
}

func (l *link) mend(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cuts == 0 {
		return nil
	}
	if l.cuts--; l.cuts > 0 {
		return nil
	}
	l.proxy.Toxics.ResetToxics(ctx)
	if l.proxy.Enabled {
		return nil
	}
	if err := l.proxy.Start(); err != nil {
		return fmt.Errorf("mend a line: %w", err)
	}
	return nil
}

func (l *link) close() { l.proxy.Stop() }

func (l *link) cutsUnderWay() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cuts
}
