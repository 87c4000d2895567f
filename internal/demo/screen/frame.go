package screen

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// The size of a frame: one line is left for the cursor. The last frame, which stays, leaves room for what the command
// prints beneath it.
const (
	Width      = 80
	Height     = 23
	LastHeight = 20
)

// SparkColumns is how many values a row's chart shows.
const SparkColumns = 30

// Mood colours a row or a note.
type Mood uint8

// The moods.
const (
	Calm Mood = iota
	Warn
	Alarm
	Good
)

// Row is one tenant.
type Row struct {
	Tenant    string
	PerMinute ledger.Sum
	Spark     []float64 // oldest first; heights, in any unit
	Calls     int64
	Total     ledger.Sum
	Mood      Mood
}

// Note is one line of what happened.
type Note struct {
	At   time.Duration // since the start
	Text string
	Mood Mood
}

// Frame is everything that is drawn.
type Frame struct {
	Phase    string
	Elapsed  time.Duration
	Rows     []Row
	Total    Row
	Made     int64 // calls the apps made
	InLedger int64
	Lag      time.Duration // since the newest call in the ledger was received
	Alert    string        // what is firing, empty = nothing
	Throttle string        // what is throttled, empty = nothing
	Notes    []Note        // oldest first; the last ones are shown
	Verdict  []Note        // at the end; takes the place of the oldest notes
}

// Render returns Height lines of at most Width columns, LastHeight with a verdict.
func (f *Frame) Render(colour bool) []string {
	p := palette{colour}
	height := Height
	if len(f.Verdict) > 0 {
		height = LastHeight
	}
	lines := []string{
		p.bold(spread(" tollkeeper demo   "+f.Phase, clock(f.Elapsed)+" ")),
		p.dim(strings.Repeat("─", Width)),
		p.dim(fmt.Sprintf(" %-15s %10s  %-*s %8s %9s", "tenant", "USD/min", SparkColumns, "the last minute, from the ledger", "calls", "USD")),
	}
	for _, r := range f.Rows {
		lines = append(lines, p.mood(r.Mood, r.line()))
	}
	lines = append(lines, p.bold(f.Total.line()), p.dim(strings.Repeat("─", Width)),
		status(p, "alert", f.Alert, Alarm), status(p, "throttle", f.Throttle, Warn),
		fmt.Sprintf(" %-10s %s calls made, %s in the ledger, the newest %s ago", "pipeline", group(f.Made), group(f.InLedger), seconds(f.Lag)),
		p.dim(strings.Repeat("─", Width)))
	room := max(0, height-len(lines)-len(f.Verdict))
	notes := f.Notes[max(0, len(f.Notes)-room):]
	for _, n := range slices.Concat(notes, make([]Note, room-len(notes)), f.Verdict) {
		lines = append(lines, n.line(p))
	}
	return lines
}

func (n Note) line(p palette) string {
	switch {
	case n.Text == "":
		return ""
	case n.At == 0:
		return p.mood(n.Mood, cut(" "+n.Text))
	}
	return p.mood(n.Mood, cut(fmt.Sprintf(" %s  %s", clock(n.At), n.Text)))
}

func (r Row) line() string {
	return cut(fmt.Sprintf(" %-15s %10s  %-*s   %8s %9s", short(r.Tenant, 15), decimals(r.PerMinute, 4), SparkColumns,
		spark(r.Spark), group(r.Calls), decimals(r.Total, 4)))
}

func status(p palette, name, text string, mood Mood) string {
	if text == "" {
		return fmt.Sprintf(" %-10s %s", name, p.dim("none"))
	}
	return p.mood(mood, cut(fmt.Sprintf(" %-10s %s", name, text)))
}

// spark draws values as bars. The scale is the highest value, or six times the median where that is more, so that a steady
// row looks steady and a runaway stands out.
func spark(values []float64) string {
	bars := []rune("▁▂▃▄▅▆▇█")
	values = values[max(0, len(values)-SparkColumns):]
	var seen []float64
	for _, v := range values {
		if v > 0 {
			seen = append(seen, v)
		}
	}
	if len(seen) == 0 {
		return strings.Repeat(" ", SparkColumns)
	}
	slices.Sort(seen)
	top := max(seen[len(seen)-1], 6*seen[len(seen)/2])
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", SparkColumns-len(values)))
	for _, v := range values {
		if v <= 0 {
			b.WriteByte(' ')
			continue
		}
		b.WriteRune(bars[min(len(bars)-1, int(v/top*float64(len(bars))))])
	}
	return b.String()
}

// decimals writes an amount with n places, cut, not rounded: what is shown is never more than what was spent.
func decimals(s ledger.Sum, n int) string {
	text := s.String()
	return text[:len(text)-ledger.MoneyScale+n]
}

// group writes 1234567 as 1,234,567.
func group(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func clock(d time.Duration) string {
	return fmt.Sprintf("%d:%02d", int(d.Minutes()), int(d.Seconds())%60)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// spread puts left and right at the ends of a line.
func spread(left, right string) string {
	left = short(left, Width-utf8.RuneCountInString(right)-1)
	return left + strings.Repeat(" ", Width-utf8.RuneCountInString(left)-utf8.RuneCountInString(right)) + right
}

func cut(s string) string { return short(s, Width) }

// short cuts s to n columns; every rune that is drawn here takes one.
func short(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// palette adds the terminal's colours, or none.
type palette struct{ on bool }

func (p palette) code(code, s string) string {
	if !p.on || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p palette) bold(s string) string { return p.code("1", s) }
func (p palette) dim(s string) string  { return p.code("2", s) }

func (p palette) mood(m Mood, s string) string {
	switch m {
	case Warn:
		return p.code("33", s)
	case Alarm:
		return p.code("31", s)
	case Good:
		return p.code("32", s)
	}
	return s
}
