package gateway

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Subject is whom a command is about: a tenant, or the calls of a tenant that have every part that is named. On the side
// of a gateway it is also who makes a call: then it names what the gateway knows of the caller.
type Subject struct {
	Tenant string `json:"tenant"`
	Team   string `json:"team,omitempty"`
	Key    string `json:"key,omitempty"` // the name or hash of an API key, never the key itself
	User   string `json:"user,omitempty"`
	Model  string `json:"model,omitempty"` // provider/model, or the model alone, as the gateway names it
}

// Tenant is the whole of a tenant.
func Tenant(name string) Subject { return Subject{Tenant: name} }

// Covers reports that a command about s is about a call of caller.
func (s Subject) Covers(caller Subject) bool {
	ok := func(want, got string) bool { return want == "" || want == got }
	return s.Tenant == caller.Tenant && ok(s.Team, caller.Team) && ok(s.Key, caller.Key) && ok(s.User, caller.User) && ok(s.Model, caller.Model)
}

// Part is what of the tenant it is about, like "team=red model=gpt-5"; empty for the whole tenant.
func (s Subject) Part() string {
	var parts []string
	for _, p := range s.parts() {
		if p.value != "" {
			parts = append(parts, p.name+"="+p.value)
		}
	}
	return strings.Join(parts, " ")
}

// String is for people: "acme", or "acme (team=red)".
func (s Subject) String() string {
	if p := s.Part(); p != "" {
		return s.Tenant + " (" + p + ")"
	}
	return s.Tenant
}

type part struct{ name, value string }

func (s Subject) parts() []part {
	return []part{{"team", s.Team}, {"key", s.Key}, {"user", s.User}, {"model", s.Model}}
}

// query is the subject as a query string, its names in alphabetical order: the form in which a state query names and
// signs it.
func (s Subject) query() string {
	v := url.Values{"tenant": {s.Tenant}}
	for _, p := range s.parts() {
		if p.value != "" {
			v.Set(p.name, p.value)
		}
	}
	return v.Encode()
}

func subjectOf(v url.Values) Subject {
	return Subject{Tenant: v.Get("tenant"), Team: v.Get("team"), Key: v.Get("key"), User: v.Get("user"), Model: v.Get("model")}
}

// Validate names everything that is wrong with the subject.
func (s Subject) Validate() error {
	var errs []error
	if s.Tenant == "" {
		errs = append(errs, errors.New("tenant is empty: a command is about one tenant, or a part of it"))
	}
	for _, p := range append(s.parts(), part{"tenant", s.Tenant}) {
		errs = append(errs, checkText(p.name, p.value))
		if !utf8.ValidString(p.value) {
			errs = append(errs, fmt.Errorf("%s %.50q: want UTF-8", p.name, p.value))
		}
	}
	return errors.Join(errs...)
}

func checkText(name, text string) error {
	if len(text) > maxText {
		return fmt.Errorf("%s has %d bytes, at most %d", name, len(text), maxText)
	}
	return nil
}

// named is the set of parts that a subject names, as bits in the order of parts().
func (s Subject) named() (set uint8) {
	if s.Team != "" {
		set |= 1
	}
	if s.Key != "" {
		set |= 2
	}
	if s.User != "" {
		set |= 4
	}
	if s.Model != "" {
		set |= 8
	}
	return set
}

// only keeps the parts of the set.
func (s Subject) only(set uint8) Subject {
	if set&1 == 0 {
		s.Team = ""
	}
	if set&2 == 0 {
		s.Key = ""
	}
	if set&4 == 0 {
		s.User = ""
	}
	if set&8 == 0 {
		s.Model = ""
	}
	return s
}
