package reconcile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/tollkeeper/tollkeeper/dashboards/report"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// Charge is a line of a bill.
type Charge struct {
	Day    time.Time
	Model  string // as the bill writes it; empty: the line names none, or Item holds it
	Item   string // what the line is for
	Kind   Kind   // empty: to be told from the item
	Amount ledger.Sum
	// Tokens that the line is for, where it says so.
	Tokens    int64
	HasTokens bool
}

// Usage is what a provider counted of a model on a day.
type Usage struct {
	Day      time.Time
	Model    string
	Tier     string // standard, batch, priority, flex …
	Requests int64
	Tokens   [ledger.NumBuckets]int64
}

// File is one export.
type File struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	Format string `json:"format"`
	Lines  int    `json:"lines"`
	// AsOf is up to when the provider had counted, where the file says so.
	AsOf time.Time `json:"as_of,omitzero"`
}

// Statement is what a provider says of a month.
type Statement struct {
	Provider string
	Month    report.Period
	Files    []File
	Charges  []Charge
	Usage    []Usage
	HasUsage bool // a usage export was read, so that a day without usage has none
	Places   int  // the most decimal places that an amount is written with
	Rounded  int  // lines with more places than the ledger keeps
	Outside  int  // lines of other months, left out
}

// largest is the size in bytes above which an export isn't read.
const largest = 256 << 20

// Read reads a provider's exports of a month: those of its usage and cost APIs (JSON pages), those of its console (CSV), and
// the CSV of this package, which is for any provider. Each file is known by its content.
func Read(provider string, month report.Period, files ...string) (*Statement, error) {
	s := &Statement{Provider: provider, Month: month}
	var errs []error
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(io.LimitReader(f, largest+1))
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if len(content) > largest {
			return nil, fmt.Errorf("%s: larger than %d MiB; export one month by day", name, largest>>20)
		}
		if err := s.add(filepath.Base(name), content); err != nil {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return s, s.validate()
}

// add reads one file.
func (s *Statement) add(name string, content []byte) error {
	sum := sha256.Sum256(content)
	f := File{Name: name, SHA256: hex.EncodeToString(sum[:])}
	if slices.ContainsFunc(s.Files, func(have File) bool { return have.SHA256 == f.SHA256 }) {
		return fmt.Errorf("%s: given twice; its lines would count twice", name)
	}
	content = bytes.TrimPrefix(content, []byte("\uFEFF"))
	read := s.readCSV
	if start := bytes.TrimLeft(content, " \t\r\n"); len(start) > 0 && (start[0] == '{' || start[0] == '[') {
		read = s.readJSON
	}
	if err := read(&f, content); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	s.Files = append(s.Files, f)
	return nil
}

func (s *Statement) validate() error {
	if len(s.Charges) == 0 {
		said := ""
		if s.Outside > 0 {
			said = fmt.Sprintf("; %d lines are of other months", s.Outside)
		}
		return fmt.Errorf("no amounts of %s in the files%s: give the cost export, not only the usage export", s.Month, said)
	}
	return nil
}

// inMonth says whether a line counts, and counts those that don't.
func (s *Statement) inMonth(day time.Time) bool {
	if day.Before(s.Month.From) || !day.Before(s.Month.To) {
		s.Outside++
		return false
	}
	return true
}

// charge adds a line.
func (s *Statement) charge(c Charge, text string, shift int) error {
	a, err := parseAmount(text, shift)
	if err != nil {
		return err
	}
	if !s.inMonth(c.Day) {
		return nil
	}
	c.Amount = a.Sum
	s.Places = max(s.Places, a.places)
	if a.rounded {
		s.Rounded++
	}
	s.Charges = append(s.Charges, c)
	return nil
}

// mostTokens is the most that one line may count: eight million such lines, more than a file of the largest size has, fit in
// 63 bits.
const mostTokens = 1 << 40

// use adds a count.
func (s *Statement) use(u Usage) error {
	s.HasUsage = true
	for i, n := range u.Tokens {
		if n < 0 || n > mostTokens {
			return fmt.Errorf("%s %d: want a count of tokens", ledger.Bucket(i), n)
		}
	}
	if u.Requests < 0 {
		return fmt.Errorf("requests %d: want a count", u.Requests)
	}
	if !s.inMonth(u.Day) {
		return nil
	}
	if u.Model == "" && u.Tokens != ([ledger.NumBuckets]int64{}) {
		return errors.New("usage without a model: export it by model (group_by=model, group_by[]=model), so that it can be held against the ledger's")
	}
	s.Usage = append(s.Usage, u)
	return nil
}

var errCurrency = errors.New("only USD can be held against the ledger, whose amounts are USD")
