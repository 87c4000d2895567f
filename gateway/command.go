package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// CommandType is the type of the envelope that carries a Command.
const CommandType = "tollkeeper.throttle.v1"

// Bounds of the protocol.
const (
	MaxLease = 24 * time.Hour // longest time from issued to expires
	MaxBody  = 20_000         // bytes of a message; Standard Webhooks asks for less than 20 kB
	maxText  = 1_000          // bytes of any text of a command
)

// Level says how hard a command bites.
type Level string

// The levels, softest first.
const (
	Release Level = "release" // nothing is in force any more
	Notify  Level = "notify"  // nothing is refused; the gateway knows
	Slow    Level = "slow"    // limits are a pace: they refill continuously, bursts are at most a tenth of them
	Cap     Level = "cap"     // limits are a sum per period, counted from the command on
	Block   Level = "block"   // every request is refused
)

// Limits bound what a subject may use per period. Zero means that this kind isn't limited. Tokens and USD are known only
// after a call, so calls in flight may exceed them; the excess is paid back before the next one is admitted.
type Limits struct {
	Per      time.Duration // length of the period
	Requests int64
	Tokens   int64
	USD      ledger.Money
}

// Command is an order for one subject.
type Command struct {
	Subject
	Level    Level
	Limits   Limits
	Reason   string // shown to the tenant in the 429 answer
	Rule     string // the alert rule, or "manual"
	Episode  string // the alert's episode; renewals of one lease share it
	Sequence uint64 // orders the commands of one subject; from 1
	Issued   time.Time
	Expires  time.Time
	DryRun   bool
}

// commandJSON is Command on the wire: durations and amounts as strings.
type commandJSON struct {
	Subject  Subject    `json:"subject"`
	Level    Level      `json:"level"`
	Limits   limitsJSON `json:"limits"`
	Reason   string     `json:"reason"`
	Rule     string     `json:"rule"`
	Episode  string     `json:"episode"`
	Sequence uint64     `json:"sequence"`
	Issued   time.Time  `json:"issued"`
	Expires  time.Time  `json:"expires"`
	DryRun   bool       `json:"dry_run"`
}

type limitsJSON struct {
	Per      string `json:"per,omitempty"`
	Requests int64  `json:"requests,omitempty"`
	Tokens   int64  `json:"tokens,omitempty"`
	USD      string `json:"usd,omitempty"`
}

// MarshalJSON writes the command as documented in docs: {"subject": {"tenant": …}, "level", "limits": {"per": "1m0s", "usd": "0.50"}, …}.
func (c Command) MarshalJSON() ([]byte, error) { return json.Marshal(c.wire()) }

func (c Command) wire() commandJSON {
	return commandJSON{c.Subject, c.Level, c.Limits.wire(), c.Reason, c.Rule, c.Episode, c.Sequence, c.Issued, c.Expires, c.DryRun}
}

// UnmarshalJSON reads the same form. Unknown fields are ignored, so that older receivers understand newer senders.
func (c *Command) UnmarshalJSON(b []byte) error {
	var w commandJSON
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	return c.fromWire(w)
}

func (c *Command) fromWire(w commandJSON) error {
	limits, err := w.Limits.limits()
	if err != nil {
		return err
	}
	*c = Command{w.Subject, w.Level, limits, w.Reason, w.Rule, w.Episode, w.Sequence, w.Issued, w.Expires, w.DryRun}
	return nil
}

// MarshalJSON writes {"per": "1m0s", "requests": 60, "usd": "0.50"}; kinds without a limit are left out.
func (l Limits) MarshalJSON() ([]byte, error) { return json.Marshal(l.wire()) }

func (l Limits) wire() limitsJSON {
	w := limitsJSON{Requests: l.Requests, Tokens: l.Tokens}
	if l.Per != 0 {
		w.Per = l.Per.String()
	}
	if l.USD != 0 {
		w.USD = l.USD.Short()
	}
	return w
}

// UnmarshalJSON reads what MarshalJSON writes; an amount as a JSON number is an error.
func (l *Limits) UnmarshalJSON(b []byte) (err error) {
	var w limitsJSON
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	*l, err = w.limits()
	return err
}

func (w limitsJSON) limits() (l Limits, err error) {
	l = Limits{Requests: w.Requests, Tokens: w.Tokens}
	if w.Per != "" {
		if l.Per, err = time.ParseDuration(w.Per); err != nil {
			return l, fmt.Errorf("limits.per: %w", err)
		}
	}
	if w.USD != "" {
		if l.USD, err = ledger.ParseMoney(w.USD); err != nil {
			return l, fmt.Errorf("limits.usd: %w", err)
		}
	}
	return l, nil
}

// Validate names everything that is wrong with the command.
func (c *Command) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	errs = append(errs, c.Subject.Validate(), checkText("reason", c.Reason), checkText("rule", c.Rule), checkText("episode", c.Episode))
	switch c.Level {
	case Release, Notify, Block:
	case Slow, Cap:
		errs = append(errs, c.Limits.validate())
	default:
		bad("level %q: want release, notify, slow, cap or block", c.Level)
	}
	if c.Sequence == 0 {
		bad("sequence is 0: sequences begin with 1")
	}
	switch lease := c.Expires.Sub(c.Issued); {
	case lease <= 0:
		bad("expires %s is not after issued %s", c.Expires.Format(time.RFC3339), c.Issued.Format(time.RFC3339))
	case lease > MaxLease:
		bad("lease of %s: at most %s", lease, MaxLease)
	}
	return errors.Join(errs...)
}

// Until is when a lease that is received now ends by the receiver's clock: never later than Expires, nor than its length after its receipt, so
// that no clock that is behind, or is set back, makes it last.
func (c *Command) Until(now time.Time) time.Time {
	return now.Add(min(c.Expires.Sub(now), c.Expires.Sub(c.Issued)))
}

func (l Limits) validate() error {
	var errs []error
	if l.Per < time.Second || l.Per > 31*24*time.Hour {
		errs = append(errs, fmt.Errorf("limits.per %s: want 1s to 744h", l.Per))
	}
	if l.Requests < 0 || l.Tokens < 0 || l.USD < 0 {
		errs = append(errs, errors.New("limits: negative; leave a kind out to not limit it"))
	}
	if l.Requests == 0 && l.Tokens == 0 && l.USD == 0 {
		errs = append(errs, errors.New("limits: none given; use level block to refuse everything"))
	}
	return errors.Join(errs...)
}

// envelope is the body of a Standard Webhook.
type envelope struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      Command   `json:"data"`
}

// State is what a receiver holds for one subject.
type State struct {
	Command              // the newest command accepted; Sequence 0 if there was none
	InForce bool         // its limits are being applied now: not expired, not released, not dry run
	Seen    int64        // requests since the episode's first command
	Refused int64        // of them, refused
	Would   int64        // of them, would have been refused but for dry run
	Tokens  int64        // tokens charged since then
	USD     ledger.Money // amount charged since then
}

type stateJSON struct {
	Command commandJSON `json:"command"`
	InForce bool        `json:"in_force"`
	Seen    int64       `json:"seen"`
	Refused int64       `json:"refused"`
	Would   int64       `json:"would_refuse"`
	Tokens  int64       `json:"tokens"`
	USD     string      `json:"usd"`
}

// MarshalJSON writes {"command": {…}, "in_force": true, "seen": 12, "refused": 3, …, "usd": "0.10"}.
func (s State) MarshalJSON() ([]byte, error) {
	return json.Marshal(stateJSON{s.Command.wire(), s.InForce, s.Seen, s.Refused, s.Would, s.Tokens, s.USD.Short()})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (s *State) UnmarshalJSON(b []byte) error {
	var w stateJSON
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	*s = State{InForce: w.InForce, Seen: w.Seen, Refused: w.Refused, Would: w.Would, Tokens: w.Tokens}
	if w.USD != "" {
		usd, err := ledger.ParseMoney(w.USD)
		if err != nil {
			return fmt.Errorf("usd: %w", err)
		}
		s.USD = usd
	}
	return s.Command.fromWire(w.Command)
}

// Ack is a receiver's answer to a command.
type Ack struct {
	Applied bool   `json:"applied"`           // the command is now the newest
	Ignored string `json:"ignored,omitempty"` // why it isn't: "stale sequence"
	State   State  `json:"state"`

	At       time.Time `json:"-"` // when the client had the 2xx
	Attempts int       `json:"-"` // tries it took
	Proved   bool      `json:"-"` // the answer carried a State with this command's sequence
}
