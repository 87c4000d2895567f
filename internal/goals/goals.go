// Package goals prints what a command measured beside what is wanted of it: a table for people, an object per row for
// machines, one verdict at the end, and an error when a goal is missed (DESIGN §6).
package goals

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
)

// Row is one measurement. Without a goal it is only told.
type Row struct {
	Name string `json:"name"`
	Got  string `json:"got"`
	Goal string `json:"goal,omitempty"`
	OK   bool   `json:"ok"`
}

// Told is a row without a goal.
func Told(name, got string) Row { return Row{Name: name, Got: got, OK: true} }

// AtMost is a row whose value, printed with the format, has to be ≤ goal.
func AtMost(name, format string, got, goal float64) Row {
	return Row{name, fmt.Sprintf(format, got), "<= " + fmt.Sprintf(format, goal), got <= goal}
}

// AtLeast is a row whose value has to be ≥ goal.
func AtLeast(name, format string, got, goal float64) Row {
	return Row{name, fmt.Sprintf(format, got), ">= " + fmt.Sprintf(format, goal), got >= goal}
}

// Write prints the rows and the verdict under a name such as ROLLUP. The error says how many goals were missed.
func Write(out io.Writer, name string, rows []Row, asJSON bool) error {
	goals, met := 0, 0
	for _, r := range rows {
		if r.Goal != "" {
			goals++
			if r.OK {
				met++
			}
		}
	}
	if asJSON {
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		for _, r := range rows {
			if err := enc.Encode(r); err != nil {
				return err
			}
		}
	} else {
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.DiscardEmptyColumns)
		for _, r := range rows {
			line := r.Name + "\t" + r.Got
			if r.Goal != "" {
				line += "\t(goal " + r.Goal + ")\t" + word(r.OK)
			}
			fmt.Fprintln(table, line)
		}
		if err := table.Flush(); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s: got %d of %d goals (goal all) %s\n", name, met, goals, word(met == goals))
	}
	if met < goals {
		return fmt.Errorf("%s: %d of %d goals missed", name, goals-met, goals)
	}
	return nil
}

func word(ok bool) string {
	if ok {
		return "ok"
	}
	return "short"
}
