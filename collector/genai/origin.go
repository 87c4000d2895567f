package genai

import (
	"net/url"
	"strings"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Origin is what is known of the place from which a call's span was written, for finding out whether another span tells of the
// same call (DESIGN D4).
type Origin struct {
	Layer Layer
	// Direct: the span says that the provider's own host was called, so no gateway lies between.
	Direct bool
	// Repeats: the span's parent tells of the same call, if it tells of one at all.
	Repeats bool
	// Last: of several calls that were written onto the span, the last one's are its counts.
	Last bool
}

// Origin is that of the last call that Read filled in.
func (r *Reader) Origin() Origin { return r.origin }

// place sets the report's role. What a framework, a gateway or a gateway's client writes may be told again by another layer,
// maybe in another process: it is a candidate of settlement from the start. A provider's client that calls the provider itself
// becomes one only where a second layer is seen (llmcost).
func (r *Reader) place(s *scratch, rl *rule, c *ledger.Call) {
	server := s.text(fServer)
	r.origin = Origin{Layer: rl.layer, Direct: server != "" && r.direct(server), Repeats: rl.repeats, Last: rl.last}
	switch {
	case rl.layer == LayerFramework, rl.layer == LayerSDK && server != "" && !r.origin.Direct:
		c.Role = ledger.RoleWrapper
	case rl.layer == LayerSDK:
		return
	}
	c.Flags |= ledger.FlagCandidate
}

// host is one that was met.
type host struct {
	name string
	own  bool // a provider's
}

// direct reports whether a host, or the host of a URL, is a provider's own, and remembers it.
func (r *Reader) direct(server string) bool {
	if server == r.host.name {
		return r.host.own
	}
	h, ok := r.hosts[server]
	if !ok {
		h = host{own: r.rules.hosts.provider(server)}
		if len(r.hosts) >= maxScopes {
			return h.own
		}
		h.name = strings.Clone(server)
		r.hosts[h.name] = h
	}
	r.host = h
	return h.own
}

// hostNames are the providers' own hosts: whole names, and ends of names that start with a dot.
type hostNames struct {
	whole map[string]bool
	ends  []string
}

func newHostNames(list []string) hostNames {
	h := hostNames{whole: map[string]bool{}}
	for _, name := range list {
		if end, ok := strings.CutPrefix(name, "*"); ok {
			h.ends = append(h.ends, end)
		} else {
			h.whole[name] = true
		}
	}
	return h
}

// provider reports whether a host name, or the host of a URL, is a provider's own.
func (h *hostNames) provider(server string) bool {
	if strings.Contains(server, "://") {
		u, err := url.Parse(server)
		if err != nil {
			return false
		}
		server = u.Hostname()
	}
	if host, port, ok := strings.Cut(server, ":"); ok && !strings.Contains(port, ":") {
		server = host // Mistral's client writes the port too
	}
	if h.whole[server] {
		return true
	}
	for _, end := range h.ends {
		if strings.HasSuffix(server, end) {
			return true
		}
	}
	return false
}
