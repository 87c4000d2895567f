package accuracy

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// The least of recordings that prove something.
const (
	GoalEmitters = 14
	GoalCases    = 80
)

// rowJSON is a row for machines; amounts are decimals in USD, as text.
type rowJSON struct {
	Emitter  string   `json:"emitter"`
	Provider string   `json:"provider"`
	Case     string   `json:"case"`
	Billed   string   `json:"billed_usd"`
	Ours     string   `json:"ours_usd"`
	AtLeast  string   `json:"at_least_usd"`
	Verdict  string   `json:"verdict"`
	Reasons  []string `json:"reasons"`
}

// Format says what Write prints.
type Format int

// The formats: a line per emitter and every case that is different; every case too; a JSON object per case.
const (
	Summary Format = iota
	Full
	JSON
)

// Write prints the rows in a format, people's with a last line that holds the verdict. It returns an error when a goal is missed:
// enough emitters and cases, and none silently different.
func Write(out io.Writer, rows []Row, format Format) error {
	s := summarize(rows)
	if format == JSON {
		if err := writeJSON(out, rows); err != nil {
			return fmt.Errorf("write the rows: %w", err)
		}
		return s.err()
	}
	if err := writeTables(out, rows, &s, format == Full); err != nil {
		return fmt.Errorf("write the tables: %w", err)
	}
	return s.err()
}

func writeJSON(out io.Writer, rows []Row) error {
	encoder := json.NewEncoder(out)
	for i := range rows {
		r := &rows[i]
		reasons := append([]string{}, r.Reasons...) // [] rather than null
		err := encoder.Encode(rowJSON{r.Emitter, r.Provider, r.Case, r.Billed.String(), r.Ours.String(), r.AtLeast.String(), r.Verdict, reasons})
		if err != nil {
			return err
		}
	}
	return nil
}

func writeTables(out io.Writer, rows []Row, s *summary, full bool) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "EMITTER\tPROVIDER\tCASES\tEQUAL\tTOLD\tDIFFERENT\tTOLD BECAUSE")
	for _, e := range slices.SortedFunc(maps.Keys(s.emitters), compareEmitters) {
		n := s.emitters[e]
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%d\t%s\n", e.name, e.provider, n.equal+n.told+n.different, n.equal, n.told, n.different,
			n.reasons())
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if full || s.all.different > 0 {
		fmt.Fprintln(table, "\nEMITTER\tPROVIDER\tCASE\tBILLED USD\tOURS USD\tVERDICT")
	}
	for i := range rows {
		r := &rows[i]
		if !full && r.Verdict != Different {
			continue
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Emitter, r.Provider, r.Case, r.Billed.Short(), r.Ours.Short(), r.verdictText())
	}
	if err := table.Flush(); err != nil {
		return err
	}
	hint := " Every case: make accuracy FULL=1."
	if full {
		hint = ""
	}
	_, err := fmt.Fprintf(out, "\nequal: to 10⁻¹² USD. told: not the bill, and the calls say why (collector/llmcost/README.md lists the reasons);\n"+
		"what they say was spent at least is never more than the bill.%s\n%s\n", hint, s.line())
	return err
}

// verdictText is the verdict for people.
func (r *Row) verdictText() string {
	switch r.Verdict {
	case Told:
		return fmt.Sprintf("told: %s; at least %s", strings.Join(r.Reasons, ", "), r.AtLeast.Short())
	case Different:
		if r.AtLeast.Cmp(r.Billed) > 0 {
			return fmt.Sprintf("DIFFERENT: at least %s is more than the bill", r.AtLeast.Short())
		}
		return "DIFFERENT: nothing that a call says of itself explains it"
	}
	return r.Verdict
}

// emitter is a line of the first table.
type emitter struct{ name, provider string }

func compareEmitters(a, b emitter) int {
	return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.provider, b.provider))
}

type counts struct {
	equal, told, different int
	because                map[string]int // reason → told cases
}

// reasons lists why cases were told, the most frequent first.
func (n *counts) reasons() string {
	names := slices.SortedFunc(maps.Keys(n.because), func(a, b string) int {
		return cmp.Or(n.because[b]-n.because[a], strings.Compare(a, b))
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %d", name, n.because[name])
	}
	return strings.Join(names, ", ")
}

func (n *counts) add(r *Row) {
	switch r.Verdict {
	case Equal:
		n.equal++
	case Told:
		n.told++
		for _, why := range r.Reasons {
			n.because[why]++
		}
	default:
		n.different++
	}
}

type summary struct {
	all      counts
	names    map[string]bool // of recorded emitters
	byHand   map[string]bool // of those whose spans were written by hand, which prove less
	emitters map[emitter]*counts
}

func summarize(rows []Row) summary {
	s := summary{all: counts{because: map[string]int{}}, names: map[string]bool{}, byHand: map[string]bool{}, emitters: map[emitter]*counts{}}
	for i := range rows {
		r := &rows[i]
		e := emitter{r.Emitter, r.Provider}
		if s.emitters[e] == nil {
			s.emitters[e] = &counts{because: map[string]int{}}
		}
		if strings.Contains(r.Emitter, "by-hand") {
			s.byHand[r.Emitter] = true
		} else {
			s.names[r.Emitter] = true
		}
		s.emitters[e].add(r)
		s.all.add(r)
	}
	return s
}

func (s *summary) cases() int { return s.all.equal + s.all.told + s.all.different }

func (s *summary) ok() bool {
	return len(s.names) >= GoalEmitters && s.cases() >= GoalCases && s.all.different == 0
}

// line is the verdict on all: what was got, the goal, ok or short.
func (s *summary) line() string {
	word := "short"
	if s.ok() {
		word = "ok"
	}
	return fmt.Sprintf("ACCURACY: got %d recorded emitters and %d written by hand, %d cases, %d equal, %d told, %d silently different (goal >= %d recorded, >= %d cases, 0 silently different) %s",
		len(s.names), len(s.byHand), s.cases(), s.all.equal, s.all.told, s.all.different, GoalEmitters, GoalCases, word)
}

func (s *summary) err() error {
	if s.ok() {
		return nil
	}
	return fmt.Errorf("a goal is missed: %d of %d emitters, %d of %d cases, %d silently different", len(s.names), GoalEmitters, s.cases(), GoalCases, s.all.different)
}
