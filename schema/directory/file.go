package directory

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/goccy/go-yaml"
)

// Wanted is an entry as a file has it. Without a day it is to hold from the day on which the file is applied.
type Wanted struct {
	Entry
	From    time.Time // zero: the file doesn't say
	Removed bool
}

// file is a directory as people write it.
type file struct {
	Tenants []fileEntry `yaml:"tenants"`
}

type fileEntry struct {
	Tenant     string            `yaml:"tenant"`
	From       string            `yaml:"from,omitempty"`
	Name       string            `yaml:"name,omitempty"`
	Parent     string            `yaml:"parent,omitempty"`
	CostCentre string            `yaml:"cost_centre,omitempty"`
	Owner      string            `yaml:"owner,omitempty"`
	TimeZone   string            `yaml:"time_zone,omitempty"`
	Attributes map[string]string `yaml:"attributes,omitempty"`
	Removed    bool              `yaml:"removed,omitempty"`
}

// ParseFile reads a directory from YAML: a list tenants of entries; one tenant may have several, each from another day. Everything
// that is wrong is said at once; unknown keys are errors.
func ParseFile(content []byte) ([]Wanted, error) {
	var f file
	if err := yaml.NewDecoder(bytes.NewReader(content), yaml.Strict()).Decode(&f); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("the file is empty; want a list named tenants")
		}
		return nil, err
	}
	var out []Wanted
	var faults []error
	type key struct {
		tenant string
		from   time.Time
	}
	seen := map[key]bool{}
	for i, e := range f.Tenants {
		w := Wanted{Removed: e.Removed, Entry: Entry{Tenant: e.Tenant, DisplayName: e.Name, Parent: e.Parent, CostCentre: e.CostCentre, Owner: e.Owner,
			TimeZone: e.TimeZone, Attributes: e.Attributes}}
		var err error
		if e.From != "" {
			if w.From, err = time.Parse(time.DateOnly, e.From); err != nil {
				faults = append(faults, fmt.Errorf("tenants[%d] %s: from %q: write a day as 2026-11-30", i+1, e.Tenant, e.From))
			}
		}
		if w.Removed && len(fields(w.Entry)) > 0 {
			faults = append(faults, fmt.Errorf("tenants[%d] %s: removed, and something is said of it: keep one", i+1, e.Tenant))
		}
		for _, err := range w.Validate() {
			faults = append(faults, fmt.Errorf("tenants[%d]: %w", i+1, err))
		}
		if k := (key{w.Tenant, w.From}); seen[k] {
			faults = append(faults, fmt.Errorf("tenants[%d] %s: twice for one day: keep one, or give each its own from", i+1, e.Tenant))
		} else {
			seen[k] = true
		}
		out = append(out, w)
	}
	return out, errors.Join(faults...)
}

// WriteFile writes entries as ParseFile reads them.
func WriteFile(w io.Writer, entries []Entry) error {
	var f file
	for _, e := range entries {
		f.Tenants = append(f.Tenants, fileEntry{Tenant: e.Tenant, Name: e.DisplayName, Parent: e.Parent, CostCentre: e.CostCentre, Owner: e.Owner,
			TimeZone: e.TimeZone, Attributes: e.Attributes})
	}
	return yaml.NewEncoder(w, yaml.IndentSequence(true)).Encode(f)
}
