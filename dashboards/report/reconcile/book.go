package reconcile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/tollkeeper/tollkeeper/dashboards/report"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

// Booking says who books the rest of a bill, why, and into which month.
type Booking struct {
	Author, Reason string
	Into           time.Time // first day of the month; zero: the bill's own
}

// ErrClosed is a booking into a month that is closed.
var ErrClosed = errors.New("the month is closed")

// evidence is what a booking keeps of the bill.
type evidence struct {
	Run   string            `json:"run"` // all rows of one booking
	Files map[string]string `json:"files,omitempty"`
	Item  string            `json:"item,omitempty"`
	Found string            `json:"found,omitempty"`
	Days  map[string]string `json:"days,omitempty"`
	Undo  string            `json:"undoes,omitempty"` // the booking that it takes back
}

func evidenceOf(a report.Adjustment) (e evidence) {
	_ = json.Unmarshal([]byte(a.Evidence), &e) // rows by hand may say anything
	return e
}

// Adjustments are the rows that make the month equal to the bill: what is left of each part, to the tenant unattributed. The ids
// follow from the content and from what was booked before, so that two who book the same at once book it once.
func (r *Result) Adjustments(month report.Period, b *Books, by Booking) (rows []report.Adjustment, run string) {
	into := by.Into
	if into.IsZero() {
		into = month.From
	}
	files := map[string]string{}
	var seed strings.Builder
	fmt.Fprintf(&seed, "%s\n%s\n%s\n", r.Provider, r.Month, into.Format("2006-01"))
	for _, f := range r.Files {
		files[f.Name] = f.SHA256
		fmt.Fprintln(&seed, f.SHA256)
	}
	var before []string
	for _, a := range b.Adjustments {
		before = append(before, a.ID)
	}
	slices.Sort(before)
	for _, p := range r.Parts {
		fmt.Fprintf(&seed, "%s\t%s\t%s\t%s\n", p.Kind, p.Model, p.Item, p.Left)
	}
	fmt.Fprint(&seed, strings.Join(before, "\n"))
	sum := sha256.Sum256([]byte(seed.String()))
	run = hex.EncodeToString(sum[:6])
	for _, p := range r.Parts {
		if p.Left.Sign() == 0 {
			continue
		}
		e := evidence{Run: run, Files: files, Item: p.Item, Found: p.Found.String(), Days: map[string]string{}}
		for _, d := range p.Days {
			e.Days[d.Day.String()] = d.Amount.String()
		}
		rows = append(rows, report.Adjustment{
			ID: idOf(run, string(p.Kind), p.Model, p.Item), Booked: report.Date{Time: into}, Original: report.Date{Time: month.From}, Tenant: ledger.Unattributed,
			Provider: r.Provider, Model: p.Model, Kind: BookedPrefix + string(p.Kind), Cost: p.Left, Author: by.Author, Reason: by.Reason, Evidence: e.text(),
		})
	}
	return rows, run
}

func (e evidence) text() string {
	b, err := json.Marshal(e)
	if err != nil {
		panic(err) // strings always have a JSON form
	}
	return string(b)
}

func idOf(parts ...string) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte("tollkeeper reconcile\n"+strings.Join(parts, "\n"))).String()
}

// Undo are the rows that take back a booking: of each of its rows the opposite, in the month that it was booked in or, if
// that is closed, in one that is open.
func Undo(b *Books, run string, by Booking) ([]report.Adjustment, error) {
	var rows []report.Adjustment
	undone := false
	for _, a := range b.Adjustments {
		e := evidenceOf(a)
		undone = undone || e.Undo == run
		if e.Run != run || !strings.HasPrefix(a.Kind, BookedPrefix) {
			continue
		}
		into := a.Booked
		if !by.Into.IsZero() {
			into = report.Date{Time: by.Into}
		}
		back := a
		back.ID, back.Booked, back.Cost = idOf("undo", a.ID), into, report.Amount{Sum: a.Cost.Neg()}
		back.Author, back.Reason, back.Evidence = by.Author, by.Reason, evidence{Run: idOf("undo", run)[:12], Item: e.Item, Undo: run}.text()
		rows = append(rows, back)
	}
	switch {
	case undone:
		return nil, fmt.Errorf("booking %s was taken back before", run)
	case len(rows) == 0:
		return nil, fmt.Errorf("no booking %s of this provider and month; `tollkeeper reconcile list` shows them", run)
	}
	return rows, nil
}

// Write writes rows. It refuses closed months, and takes the rows back in the same month if somebody closes it meanwhile: what it
// was closed on stays what it comes to.
func Write(ctx context.Context, conn driver.Conn, rows []report.Adjustment) error {
	if len(rows) == 0 {
		return nil
	}
	if err := refuseClosed(ctx, conn, rows); err != nil {
		return err
	}
	if err := insert(ctx, conn, rows); err != nil {
		return err
	}
	err := refuseClosed(ctx, conn, rows)
	if errors.Is(err, ErrClosed) {
		back := slices.Clone(rows)
		for i := range back {
			back[i].ID, back[i].Cost = idOf("closed meanwhile", back[i].ID), report.Amount{Sum: back[i].Cost.Neg()}
			back[i].Reason = "the month was closed while this was booked: taken back"
		}
		err = errors.Join(err, insert(ctx, conn, back))
	}
	return err
}

func refuseClosed(ctx context.Context, conn driver.Conn, rows []report.Adjustment) error {
	closed, err := report.Closed(ctx, conn)
	if err != nil {
		return err
	}
	for _, a := range rows {
		if slices.ContainsFunc(closed, func(m time.Time) bool { return m.UTC().Equal(a.Booked.UTC()) }) {
			return fmt.Errorf("%s: %w; book into an open month, which corrects this one: --into %s", a.Booked.Format("2006-01"), ErrClosed, firstOpen(closed, a.Booked.Time))
		}
	}
	return nil
}

func firstOpen(closed []time.Time, month time.Time) string {
	for slices.ContainsFunc(closed, func(m time.Time) bool { return m.UTC().Equal(month.UTC()) }) {
		month = month.AddDate(0, 1, 0)
	}
	return month.Format("2006-01")
}

func insert(ctx context.Context, conn driver.Conn, rows []report.Adjustment) error {
	batch, err := conn.PrepareBatch(ctx, schema.SQL("report/book"))
	if err != nil {
		return fmt.Errorf("book %d adjustments: %w", len(rows), err)
	}
	defer batch.Close()
	for _, a := range rows {
		cost, err := decimal.NewFromString(a.Cost.Sum.String())
		if err == nil {
			err = batch.Append(a.ID, a.Booked.Time, a.Original.Time, a.Tenant, a.Provider, a.Model, a.Kind, cost, a.Calls, a.Author, a.Reason, a.Evidence)
		}
		if err != nil {
			return fmt.Errorf("book %s of %s: %w", a.Kind, a.Model, err)
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("book %d adjustments: %w", len(rows), err)
	}
	return nil
}

// Booked is an adjustment of a reconciliation, with the booking that it belongs to.
type Booked struct {
	Run string `json:"booking"`
	report.Adjustment
}

// Bookings lists what reconciliations booked.
func Bookings(b *Books) (out []Booked) {
	for _, a := range b.Adjustments {
		if strings.HasPrefix(a.Kind, BookedPrefix) {
			out = append(out, Booked{evidenceOf(a).Run, a})
		}
	}
	return out
}
