package notify

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Severities and states that a message may have; any other is passed on as it is.
const (
	Critical = "critical"
	Warning  = "warning"

	Firing   = "firing"
	Resolved = "resolved"

	// KindWatchdog is the kind of the message that always fires.
	KindWatchdog = "watchdog"
)

// Message is the news of one episode, with all that a person needs who has just been woken.
type Message struct {
	Episode  uuid.UUID
	Sequence uint32 // of the event within the episode
	Rule     string
	Kind     string
	Tenant   string            // empty: all of them
	Subject  map[string]string // what of the tenant: team, key, model, threshold …
	Severity string
	State    string // resolved, or firing in one of its ways
	Started  time.Time
	At       time.Time
	Summary  string // what rose, by how much, against what, in one sentence
	Facts    []Fact // in the order in which they are read
	Calls    []Call // the most expensive ones
	Links    []Link
	Runbook  string // address or path
	Undo     string // the command that undoes what was done; empty if nothing was
	Refresh  bool   // nothing new: an Alertmanager forgets what isn't repeated
	Test     bool

	queued time.Time
}

// Fact is a line of the explanation.
type Fact struct{ Name, Text string }

// Call is one call.
type Call struct{ USD, Model, Trace, URL string }

// Link leads to where one can see more.
type Link struct{ Name, URL string }

// Resolved reports that the episode is over.
func (m *Message) Resolved() bool { return m.State == Resolved }

// About is what it is about, in words: the tenant, and which part of it.
func (m *Message) About() string {
	parts := []string{}
	if m.Tenant != "" {
		parts = append(parts, m.Tenant)
	}
	for _, k := range slices.Sorted(maps.Keys(m.Subject)) {
		if k != "tenant" && k != "threshold" {
			parts = append(parts, m.Subject[k])
		}
	}
	return strings.Join(parts, " ")
}

// Labels are those of an Alertmanager alert: two episodes that are open at once never have the same.
func (m *Message) Labels() map[string]string {
	l := maps.Clone(m.Subject)
	if l == nil {
		l = map[string]string{}
	}
	l["alertname"], l["kind"], l["severity"] = m.Rule, m.Kind, m.Severity
	if m.Tenant != "" {
		l["tenant"] = m.Tenant
	}
	if t, ok := l["threshold"]; ok && m.Kind != "burn" {
		l["threshold"] = t + "%"
	}
	return l
}

// url is the first link.
func (m *Message) url() string {
	if len(m.Links) == 0 {
		return ""
	}
	return m.Links[0].URL
}

// common are the pairs that all have.
func common(all []map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range all[0] {
		if !slices.ContainsFunc(all, func(other map[string]string) bool { return other[k] != v }) {
			out[k] = v
		}
	}
	return out
}
