package viewer

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Act is what a person does about throttles. Who and why are kept with it.
type Act struct {
	Do     string `json:"do"`     // one of acts
	Tenant string `json:"tenant"` // whom; empty for freeze and unfreeze
	Team   string `json:"team"`   // these narrow it to a part of the tenant; for release, empty: the tenant and all its parts
	Key    string `json:"key"`
	User   string `json:"user"`
	Model  string `json:"model"`

	Level    string `json:"level"`    // apply: slow, cap or block
	Requests int64  `json:"requests"` // apply: a minute; 0: not limited
	USD      string `json:"usd"`      // apply: a minute, a decimal; empty: not limited
	Minutes  int    `json:"minutes"`  // apply: how long; nobody renews it

	Author string `json:"author"`
	Reason string `json:"reason"`
}

var acts = []string{"release", "apply", "freeze", "unfreeze"}

// Rule is a rule that is watched, in words.
type Rule struct {
	Name     string `json:"name"`
	Kind     string `json:"kind"`
	Watches  string `json:"watches"`
	Fires    string `json:"fires"`
	Throttle string `json:"throttle"` // what is ordered at the gateway; empty: it tells people only
	Bites    string `json:"bites"`    // whose throttle is meant; of all others it is a dry run
}

// act does what a person asks of throttles, by the same way as tollkeeper throttle.
func (s *Server) act(w http.ResponseWriter, r *http.Request) {
	if s.deps.Act == nil {
		fail(w, http.StatusConflict, errors.New("no gateway is configured (alerts.throttle.gateway.url): nothing is throttled"))
		return
	}
	var in Act
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<10)).Decode(&in); err != nil {
		fail(w, http.StatusBadRequest, errors.New(`want {"do": "release", "tenant": "…", "author": "…", "reason": "…"}`))
		return
	}
	in.Tenant, in.Author, in.Reason = strings.TrimSpace(in.Tenant), strings.TrimSpace(in.Author), strings.TrimSpace(in.Reason)
	whole := in.Do == "freeze" || in.Do == "unfreeze"
	switch {
	case !slices.Contains(acts, in.Do):
		fail(w, http.StatusBadRequest, fmt.Errorf("do %q: want one of %s", in.Do, strings.Join(acts, ", ")))
		return
	case in.Author == "" || in.Reason == "" || (in.Tenant == "") != whole:
		fail(w, http.StatusBadRequest, errors.New("say which tenant (of a freeze none), who you are and why: all are kept"))
		return
	case in.Do == "apply" && in.Minutes < 1:
		fail(w, http.StatusBadRequest, fmt.Errorf("minutes %d: say for how long, at least 1", in.Minutes))
		return
	}
	if in.USD != "" {
		if _, err := ledger.ParseMoney(in.USD); err != nil {
			fail(w, http.StatusBadRequest, fmt.Errorf("USD a minute: %w", err))
			return
		}
	}
	answer, err := s.deps.Act(r.Context(), in)
	if err != nil {
		fail(w, http.StatusBadGateway, err)
		return
	}
	s.deps.Log.Info("viewer: by hand", "do", in.Do, "tenant", in.Tenant, "author", in.Author)
	write(w, map[string]string{"answer": answer})
}

// rules lists what is watched.
func (s *Server) rules(w http.ResponseWriter, r *http.Request) {
	rules := []Rule{}
	if s.deps.Rules != nil {
		found, err := s.deps.Rules(r.Context())
		if err != nil {
			s.deps.Log.Warn("viewer: read the rules", "error", err)
			fail(w, http.StatusBadGateway, errNoAnswer)
			return
		}
		rules = append(rules, found...)
	}
	write(w, map[string]any{"rules": rules})
}
