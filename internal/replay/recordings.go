package replay

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/collector/eventspans"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// Recording is what one instrumentation sent for one case, with what the model server billed meanwhile.
type Recording struct {
	Name string // emitter/case
	Path string // of the spans

	Emitter  string
	Versions map[string]string // package → version
	Provider string
	Case     string
	Note     string
	Recorded string // how
	When     time.Time

	Billed []Billed      // one per billed request, in their order
	Traces ptrace.Traces // those that were sent, then those that the collector makes of log events
}

// Billed is what the provider invoices for one request.
type Billed struct {
	Model string // as the answer named it
	Tier  string // the service tier that answered
	Usage ledger.Usage
	USD   ledger.Money
}

// Total is the invoice of the recording.
func (r *Recording) Total() (sum ledger.Sum) {
	for _, b := range r.Billed {
		sum = sum.AddMoney(b.USD)
	}
	return sum
}

// truthFile is the form of a .truth.json file.
type truthFile struct {
	Emitter  string            `json:"emitter"`
	Versions map[string]string `json:"versions"`
	Provider string            `json:"provider"`
	Case     string            `json:"case"`
	Note     string            `json:"note"`
	Prices   string            `json:"prices"`
	Recorded string            `json:"recorded"`
	When     time.Time         `json:"when"`
	Billed   []struct {
		Model string           `json:"model"`
		Tier  string           `json:"service_tier"`
		Usage map[string]int64 `json:"usage"`
		USD   string           `json:"usd"`
	} `json:"billed"`
}

// Load reads all recordings below a folder: pairs of NAME.otlp.json and NAME.truth.json. A half of a pair, an unknown
// bucket, an amount that isn't exact are errors; all of them are told.
func Load(dir string) ([]Recording, error) {
	paths, err := files(dir)
	if err != nil {
		return nil, err
	}
	events, err := eventspans.Builtin()
	if err != nil {
		return nil, err
	}
	var all []Recording
	var faults []error
	for _, p := range paths {
		base, ok := strings.CutSuffix(p, recordingSuffix)
		if !ok {
			continue
		}
		r, err := loadTruth(base + truthSuffix)
		var sent signals
		if err == nil {
			sent, err = readFile(p)
		}
		if err != nil {
			faults = append(faults, err)
			continue
		}
		r.Traces = sent.traces
		events.Spans(sent.logs).ResourceSpans().MoveAndAppendTo(r.Traces.ResourceSpans())
		name, err := filepath.Rel(dir, base)
		if err != nil {
			return nil, fmt.Errorf("name recording %s: %w", p, err)
		}
		r.Name, r.Path = filepath.ToSlash(name), p
		all = append(all, r)
	}
	if len(all) == 0 && len(faults) == 0 {
		faults = append(faults, fmt.Errorf("%s: no file ends in %s; `collector/genai/record/run` makes them", dir, recordingSuffix))
	}
	return all, errors.Join(faults...)
}

func loadTruth(path string) (r Recording, err error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return r, fmt.Errorf("read what was billed: %w; each recording needs this file beside it", err)
	}
	var t truthFile
	dec := json.NewDecoder(strings.NewReader(string(content)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&t); err != nil {
		return r, fmt.Errorf("%s: %w", path, err)
	}
	r = Recording{Emitter: t.Emitter, Versions: t.Versions, Provider: t.Provider, Case: t.Case, Note: t.Note, Recorded: t.Recorded, When: t.When}
	for i, line := range t.Billed {
		b := Billed{Model: line.Model, Tier: line.Tier}
		if b.USD, err = ledger.ParseMoney(line.USD); err != nil {
			return r, fmt.Errorf("%s: billed %d: %w", path, i, err)
		}
		for name, n := range line.Usage {
			bucket, ok := ledger.BucketByName(name)
			if !ok || n < 0 {
				return r, fmt.Errorf("%s: billed %d: %d tokens of %q: want a bucket of the ledger and no negative count", path, i, n, name)
			}
			b.Usage.Tokens[bucket] = n
		}
		r.Billed = append(r.Billed, b)
	}
	return r, nil
}
