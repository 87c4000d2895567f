package alerts

import (
	"time"

	"github.com/google/uuid"

	"github.com/tollkeeper/tollkeeper/alerts/notify"
	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// Kinds of rule.
const (
	KindBudget    = "budget"
	KindForecast  = "forecast" // a budget's spend at its period's end, if things go on
	KindBurn      = "burn"     // a budget that is used up too fast
	KindSpike     = "spike"
	KindRunaway   = "runaway"
	KindShare     = "share" // calls without a price, or in doubt
	KindSilence   = "silence"
	KindLimit     = "limit"     // a provider's rate limits
	KindThrottle  = "throttle"  // one of ours that isn't proved
	KindFreshness = "freshness" // the ledger itself: calls may be missing from it
	KindWatchdog  = "watchdog"  // always firing: its absence is the alarm
)

// States of an episode.
const (
	StateFiring   = "firing"
	StateResolved = "resolved"
	StateNoData   = "no_data" // the freshness rule's way of firing
)

// Severities.
const (
	Warning  = "warning"
	Critical = "critical"
)

// key is one thing that can be wrong: an episode at a time. Threshold is percent for budgets, the number of the window for
// burn rates. by and value name a part of the tenant.
type key struct {
	rule, tenant string
	threshold    int
	by, value    string
}

// throttled is whom a throttle for this key is about: the team, key or model, where a gateway can tell it; the whole tenant
// where it can't (a trace, a conversation, an agent).
func (k key) throttled() gateway.Subject {
	s := gateway.Tenant(k.tenant)
	switch k.by {
	case byTeam:
		s.Team = k.value
	case byKey:
		s.Key = k.value
	case byModel:
		s.Model = k.value
	}
	return s
}

// episodes are those that are open.
type episodes map[key]*episode

// verdict is what a rule says of one key at one evaluation.
type verdict struct {
	key       key
	kind      string
	severity  string
	holds     bool // the condition that opens an episode
	clear     bool // the condition that, held for clearAfter, closes it
	known     bool // false: no evidence either way; nothing changes
	value     ledger.Sum
	threshold ledger.Sum
	summary   string
	detail    detail
	baseline  baseline  // of a spike: what it was compared with
	crossed   time.Time // receipt of the crossing call; zero: reach says how to look for it
	reach     *reach
	throttle  *Policy // what to do to the tenant while firing, nil = nothing
	clearFor  time.Duration
	window    window // in which what it tells of happened: where an explanation is looked for
}

// A spike that comes back within returnWithin of its end has to be clear twice as long as the time before, up to
// mostReturns doublings: a throttle that hides its own cause is released later each time instead of flapping.
const (
	returnWithin = 10 * time.Minute
	mostReturns  = 3
)

// ended is how the last episode of a key ended.
type ended struct {
	at      time.Time
	returns int
}

// detail is the machine-readable part of an event, stored as JSON. Amounts are decimal strings.
type detail struct {
	Window      string   `json:"window,omitempty"`
	Threshold   int      `json:"threshold_percent,omitempty"`
	Amount      string   `json:"amount_usd,omitempty"`   // of the budget
	Baseline    string   `json:"baseline,omitempty"`     // where the usual comes from
	BaselineUSD string   `json:"baseline_usd,omitempty"` // and what it is: amount …
	BaselineFor string   `json:"baseline_for,omitempty"` // … per this time
	Grain       string   `json:"grain_usd,omitempty"`    // how coarse the spend is: variance over mean
	Factor      string   `json:"factor,omitempty"`
	Calls       uint64   `json:"calls,omitempty"`
	Unpriced    uint64   `json:"unpriced_calls,omitempty"`
	Returns     int      `json:"returns,omitempty"`  // how often in a row it came back soon after its end
	By          string   `json:"by,omitempty"`       // the part of the tenant: team, key, model, trace, conversation or agent …
	Value       string   `json:"value,omitempty"`    // … and which
	Why         *Why     `json:"why,omitempty"`      // what it comes from
	Started     string   `json:"started,omitempty"`  // of a resolved episode: when it fired
	Owed        []string `json:"owed,omitempty"`     // of a resolved episode: the receivers that are to be told
	Notified    []string `json:"notified,omitempty"` // receivers that have this event, or never will: see alert_dead_letters
}

// episode is the time from firing to resolved.
type episode struct {
	id         uuid.UUID
	sequence   uint32
	event      AlertEvent // the newest one written
	throttle   *Policy
	proved     bool // by the last evaluation: calls that are missing from the ledger can't undo the condition
	clearSince time.Time
	message    *notify.Message // what its receivers were last told; nil: by a process before
	reacted    bool            // its first command was acknowledged, or a process before knows
	returns    int
	baseline   baseline // of a spike: frozen, so that the alert doesn't get used to what it fires on
	began      time.Time
}

// AlertEvent is one row of alert_events: an episode entered a state.
type AlertEvent struct {
	Episode   uuid.UUID
	Sequence  uint32
	Rule      string
	Kind      string
	Tenant    string
	Subject   map[string]string
	State     string
	Severity  string
	Value     ledger.Sum
	Threshold ledger.Sum
	Summary   string
	Detail    string // JSON
	Crossed   time.Time
	At        time.Time
}

// ThrottleEvent is one row of throttle_events: a step of one command.
type ThrottleEvent struct {
	gateway.Subject
	Sequence uint64
	Step     string
	Level    string
	Gateway  string
	Episode  uuid.UUID
	Rule     string
	Limits   map[string]ledger.Sum // requests, tokens, usd, per_seconds
	DryRun   bool
	Author   string
	Reason   string
	Answer   string
	Issued   time.Time
	Expires  time.Time
	At       time.Time
}

// Event is what an observer is told, after it was written down: one of the two is set.
type Event struct {
	Alert    *AlertEvent
	Throttle *ThrottleEvent
}
