package foreign

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
)

// Options of an import.
type Options struct {
	Provider string // only this one, by the catalogue's name; empty = all
	As       string // the name on calls; empty = the catalogue's
	Via      string // what was read
	Checked  string // on which day, YYYY-MM-DD
}

// Imported are price files and what isn't in them.
type Imported struct {
	Format string
	Files  []ImportedFile
	Left   []Left
}

// ImportedFile is one provider's price file.
type ImportedFile struct {
	Provider string
	Models   int
	Content  []byte
}

// Import converts a catalogue. A bucket without a price in it has none in the files: no defaults are assumed but that reasoning
// tokens are output, and tokens of images input, where they have no price of their own, as both catalogues count them (LiteLLM,
// llm_cost_calc/utils.py, _modality_token_cost; genai-prices, decompose.py). Both count audio so too, which has a price of its own with
// every provider that takes it: it stays unpriced where that isn't said.
func Import(r io.Reader, o Options) (*Imported, error) {
	format, providers, left, err := Read(r)
	if err != nil {
		return nil, err
	}
	out := &Imported{Format: format}
	for _, l := range left {
		if o.Provider == "" || l.Provider == o.Provider {
			out.Left = append(out.Left, l)
		}
	}
	var names []string
	for _, p := range providers {
		names = append(names, p.ID)
		if (o.Provider != "" && p.ID != o.Provider) || len(p.Models) == 0 {
			continue
		}
		f := File{
			Comment:  fmt.Sprintf("Converted from %s's format by tollkeeper prices import.", format),
			Provider: p.ID, URL: p.URL, Via: o.Via, Checked: o.Checked, Defaults: map[string]string{"reasoning": "output", "image_input": "input"},
		}
		if o.As != "" {
			f.Provider = o.As
		}
		out.Files = append(out.Files, ImportedFile{f.Provider, len(p.Models), f.Write(p.Models)})
	}
	if len(out.Files) == 0 {
		if o.Provider != "" {
			return nil, fmt.Errorf("--provider %q: nothing of it to import; the file has %s", o.Provider, strings.Join(names, ", "))
		}
		return nil, fmt.Errorf("nothing to import: no model has a price that can be said exactly")
	}
	return out, nil
}

// WriteOne writes the only file.
func (r *Imported) WriteOne(w io.Writer) error {
	if len(r.Files) > 1 {
		return fmt.Errorf("%d providers: say --provider for one of them, or --out for a file each", len(r.Files))
	}
	_, err := w.Write(r.Files[0].Content)
	return err
}

var unsafe = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// WriteFiles writes a file per provider into a folder, and none over one that is there.
func (r *Imported) WriteFiles(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, f := range r.Files {
		path := filepath.Join(folder, unsafe.ReplaceAllString(f.Provider, "-")+".yaml")
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return fmt.Errorf("write the price file of %s: %w; choose an empty folder", f.Provider, err)
		}
		_, err = file.Write(f.Content)
		if closed := file.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
	}
	return nil
}

// WriteLeft lists for people what was left out, then how often for which reason, and how much was taken. accepts says whether calls are
// priced under a provider's name; files of others are named, since nothing would be priced by them.
func (r *Imported) WriteLeft(w io.Writer, accepts func(provider string) bool) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	refused := 0
	for _, l := range r.Left {
		if l.Whole {
			refused++
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", l.kind(), l.Provider+"/"+l.Model, l.What, l.Reason)
	}
	if len(r.Left) > 1 {
		fmt.Fprintln(tw)
		for _, s := range r.sums() {
			fmt.Fprintf(tw, "%s\t%d\t%s\n", s.kind, s.n, s.reason)
		}
		fmt.Fprintln(tw)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	models := 0
	var strange []string
	for _, f := range r.Files {
		models += f.Models
		if !accepts(f.Provider) {
			strange = append(strange, f.Provider)
		}
	}
	if len(strange) > 0 {
		fmt.Fprintf(w, "%d providers by names that the price book doesn't know: they price calls that name them so, else say --provider and --as: %s\n",
			len(strange), strings.Join(strange, ", "))
	}
	_, err := fmt.Fprintf(w, "%s: %d models of %d providers, %d models refused\n", r.Format, models, len(r.Files), refused)
	return err
}

func (l *Left) kind() string {
	if l.Whole {
		return "refused"
	}
	return "left out"
}

// sum is how often something was left out for one reason.
type sum struct {
	kind, reason string
	n            int
}

// numbers are what reasons of one kind differ by.
var numbers = regexp.MustCompile(`"?-?[0-9][0-9.e+-]*"? is no`)

// sums counts what was left out by reason: models that were refused first, each with the most frequent first.
func (r *Imported) sums() []sum {
	counts := map[sum]int{}
	for i := range r.Left {
		l := &r.Left[i]
		reason := numbers.ReplaceAllString(l.Reason, "a number that is no")
		switch {
		case strings.HasPrefix(reason, "the same as"), strings.HasPrefix(reason, "stands for "):
			reason = "a name that another model has"
		case !l.Whole:
			reason = l.What + ": " + reason
		}
		counts[sum{kind: l.kind(), reason: reason}]++
	}
	var out []sum
	for s, n := range counts {
		out = append(out, sum{s.kind, s.reason, n})
	}
	slices.SortFunc(out, func(a, b sum) int {
		return cmp.Or(-cmp.Compare(a.kind, b.kind), cmp.Compare(b.n, a.n), cmp.Compare(a.reason, b.reason))
	})
	return out
}
