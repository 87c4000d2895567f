package llmsampling

import "strings"

const (
	// maxSights is how many pairs of model and agent are remembered of a tenant.
	maxSights = 64
	// newSights is how many first sights a tenant has in a minute: names are up to the senders.
	newSights = 10
)

// tenantState is what is known of a tenant's traces.
type tenantState struct {
	seen     int64 // Unix seconds of its last trace
	minute   int64
	floor    int // traces of this minute that the floor took
	sights   int // first sights of this minute
	known    []sight
	cost     window
	duration window
}

// sight is a pair of model and agent, as a hash, and when it was last seen.
type sight struct {
	hash uint64
	at   int64
}

// tenantTable remembers the tenants seen last. It is not safe for concurrent use.
type tenantTable struct {
	limit    int
	states   map[string]*tenantState
	overflow *tenantState // of tenants for whom there is no room
}

func newTenantTable(limit int) *tenantTable {
	return &tenantTable{limit: limit, states: map[string]*tenantState{}, overflow: &tenantState{}}
}

// get is a tenant's state. A newcomer takes the place of one not seen for a minute or longer; as long as there is none,
// newcomers share one state, and one floor, or made-up names would be kept without end.
func (t *tenantTable) get(name string, now int64) *tenantState {
	s, ok := t.states[name]
	switch {
	case ok:
	case len(t.states) < t.limit || t.evict(now):
		s = &tenantState{}
		t.states[strings.Clone(name)] = s // the name must not hold on to the request's memory
	default:
		s = t.overflow
	}
	s.seen = now
	return s
}

// evict removes the one of a few tenants that was not seen for longest.
func (t *tenantTable) evict(now int64) bool {
	oldest, at, looked := "", now-60, 0
	for name, s := range t.states {
		if s.seen < at {
			oldest, at = name, s.seen
		}
		if looked++; looked == 16 {
			break
		}
	}
	if at == now-60 {
		return false
	}
	delete(t.states, oldest)
	return true
}

func (s *tenantState) turn(now int64) {
	if m := now / 60; m != s.minute {
		s.minute, s.floor, s.sights = m, 0, 0
	}
}

// takeFloor reports whether one more trace belongs to the first n of this minute.
func (s *tenantState) takeFloor(now int64, n int) bool {
	if s.turn(now); s.floor >= n {
		return false
	}
	s.floor++
	return true
}

// first reports whether a pair of model and agent was never seen, or was forgotten: only maxSights are remembered.
func (s *tenantState) first(now int64, hash uint64) bool {
	oldest := 0
	for i := range s.known {
		if s.known[i].hash == hash {
			s.known[i].at = now
			return false
		}
		if s.known[i].at < s.known[oldest].at {
			oldest = i
		}
	}
	if s.turn(now); s.sights >= newSights {
		return false
	}
	s.sights++
	if len(s.known) < maxSights {
		s.known = append(s.known, sight{hash, now})
	} else {
		s.known[oldest] = sight{hash, now}
	}
	return true
}
