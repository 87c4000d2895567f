package foreign

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
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

// Import converts a catalogue. A bucket without a price in it has none in the files: no defaults are assumed beyond reasoning
// tokens being output, as both catalogues count them.
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
			Provider: p.ID, URL: p.URL, Via: o.Via, Checked: o.Checked, Defaults: map[string]string{"reasoning": "output"},
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

// WriteLeft lists for people what was left out, and how much wasn't.
func (r *Imported) WriteLeft(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	refused := 0
	for _, l := range r.Left {
		kind := "left out"
		if l.Whole {
			kind = "refused"
			refused++
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", kind, l.Provider+"/"+l.Model, l.What, l.Reason)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	models := 0
	for _, f := range r.Files {
		models += f.Models
	}
	_, err := fmt.Fprintf(w, "%s: %d models of %d providers, %d models refused\n", r.Format, models, len(r.Files), refused)
	return err
}
