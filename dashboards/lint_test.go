package dashboards_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/dashboards"
	"github.com/tollkeeper/tollkeeper/schema"
)

var (
	sayUTC    = regexp.MustCompile(`(?i)\b(month|months|monthly|week|hour of|whole hours?|newest first|day of)\b`)
	saysUTC   = regexp.MustCompile(`\bUTC\b`)
	otherUnit = regexp.MustCompile(`€|£|\bEUR\b|\bGBP\b|\bcents?\b`)
)

// lint holds the conventions of boards: what finance and on-call may rely on, whoever wrote the panel.
func lint(all []dashboards.Board) (offences []string) {
	byUID := map[string]dashboards.Board{}
	for _, b := range all {
		if _, twice := byUID[b.UID]; twice {
			offences = append(offences, b.UID+": the uid is there twice")
		}
		byUID[b.UID] = b
	}
	for _, b := range all {
		for _, v := range b.Variables { // a tenant's board has them, and its user may read views only
			if strings.Contains(v.SQL(), "call_reports") || strings.Contains(v.SQL(), "cost_minute") {
				offences = append(offences, b.UID+": the variable "+v.Name+" asks past the views")
			}
		}
		say := func(format string, args ...any) { offences = append(offences, b.UID+": "+fmt.Sprintf(format, args...)) }
		if !strings.HasPrefix(b.UID, "tollkeeper-") || len(b.UID) > 40 {
			say("a uid begins with tollkeeper- and has 40 characters at most")
		}
		if !saysUTC.MatchString(b.Description) {
			say("the board doesn't say that its times are UTC")
		}
		if !slices.Contains(b.Tags, "tollkeeper") {
			say("without the tag tollkeeper no link leads here")
		}
		titles := map[string]bool{}
		for _, row := range b.Rows {
			offences = append(offences, widths(b.UID, row)...)
			for _, p := range row.Panels {
				for _, o := range lintPanel(p, b, byUID) {
					say("%s: %s", p.Title, o)
				}
				if titles[p.Title] {
					say("%s: the title is there twice", p.Title)
				}
				titles[p.Title] = true
			}
		}
	}
	return offences
}

func lintPanel(p dashboards.Panel, b dashboards.Board, byUID map[string]dashboards.Board) (out []string) {
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	sql := p.SQL()
	if len(p.Description) < 20 || !strings.HasSuffix(strings.TrimRight(p.Description, `"`), ".") {
		say("a description is a sentence that says of which rows")
	}
	if p.Kind != dashboards.Table && p.Unit == "" {
		say("no unit")
	}
	if (sayUTC.MatchString(p.Description) || slices.Contains(unitsOf(p), dashboards.DateTime)) && !saysUTC.MatchString(p.Description) {
		say("speaks of days, months or moments and doesn't say UTC")
	}
	if slices.Contains(unitsOf(p), dashboards.USD) && !strings.Contains(b.Description, "US dollars") {
		say("shows money, and the board doesn't say US dollars")
	}
	if otherUnit.MatchString(p.Description + p.Title) {
		say("a second currency")
	}
	if p.Kind == dashboards.Stat && p.Unit == dashboards.Text && strings.Contains(sql, "'at least '") && !strings.Contains(p.Description, "at least") {
		say("its value can say \"at least\" and its description doesn't explain that")
	}
	if p.Kind == dashboards.Stat && strings.Contains(sql, "sum(cost)") && !strings.Contains(sql, "'at least '") && !withoutAtLeast[p.Query] {
		say("a total of cost that never says \"at least\"")
	}
	if p.Kind == dashboards.Table && p.Columns["spend"] == dashboards.USD && !strings.Contains(sql, "unpriced") {
		say("a table of spend that hides unpriced calls")
	}
	if name, _, _ := strings.Cut(p.Query, "="); strings.Contains(schema.SQL("dashboards/"+name), "call_reports") { // before $calls is written out
		say("reads reports instead of calls")
	}
	if p.Kind == dashboards.TimeSeries && !strings.Contains(sql, "$__interval_s") {
		say("a series that doesn't follow the step")
	}
	for _, l := range p.Links {
		to, ok := byUID[l.Board]
		if !ok {
			say("links to the board %s, which there isn't", l.Board)
		} else if !slices.ContainsFunc(to.Variables, func(v dashboards.Variable) bool { return v.Name == l.Variable }) {
			say("links to %s with the variable %s, which it hasn't", l.Board, l.Variable)
		}
	}
	return out
}

// withoutAtLeast are stats of cost that aren't totals of calls: adjustments, and what is said in words.
var withoutAtLeast = map[string]bool{"spend/late": true, "spend/adjusted": true, "spend/days_left": true, "tenant/days_left": true, "tenant/unit_cost": true}

func unitsOf(p dashboards.Panel) (units []dashboards.Unit) {
	units = append(units, p.Unit)
	for _, u := range p.Columns {
		units = append(units, u)
	}
	return units
}

// widths of a row's panels fill its lines of 24.
func widths(uid string, row dashboards.Row) (out []string) {
	line := uint32(0)
	for _, p := range row.Panels {
		if line += p.Width; line > 24 {
			return []string{fmt.Sprintf("%s: row %q: %q is beyond the line's 24", uid, row.Title, p.Title)}
		}
		if line == 24 {
			line = 0
		}
	}
	if line != 0 {
		return []string{fmt.Sprintf("%s: row %q: the last line is %d wide, not 24", uid, row.Title, line)}
	}
	return nil
}

func TestBoardsFollowTheConventions(t *testing.T) {
	require.Empty(t, lint(dashboards.All()))
}

func TestEveryQueryFileIsOnABoard(t *testing.T) {
	used := map[string]bool{}
	eachQuery(func(name, _ string, _ bool) {
		name, _, _ = strings.Cut(name, "=")
		used["dashboards/"+name] = true
	})
	for _, name := range schema.Names() {
		if strings.HasPrefix(name, "dashboards/") {
			require.True(t, used[name], "%s.sql is on no board", name)
		}
	}
}

// Each convention is broken once; the linter says so.
func TestLintFindsOffences(t *testing.T) {
	good := dashboards.Spend()
	for name, c := range map[string]struct {
		breaks func(*dashboards.Board, *dashboards.Panel)
		says   string
	}{
		"no description": {func(_ *dashboards.Board, p *dashboards.Panel) { p.Description = "" }, "a description is a sentence"},
		"no unit":        {func(_ *dashboards.Board, p *dashboards.Panel) { p.Unit = "" }, "no unit"},
		"no UTC": {func(_ *dashboards.Board, p *dashboards.Panel) {
			p.Description = "Spend of this month so far, at least."
		}, "doesn't say UTC"},
		"no UTC at all":  {func(b *dashboards.Board, _ *dashboards.Panel) { b.Description = "What it costs, in US dollars." }, "times are UTC"},
		"no currency":    {func(b *dashboards.Board, _ *dashboards.Panel) { b.Description = "What it costs, in UTC." }, "doesn't say US dollars"},
		"other currency": {func(_ *dashboards.Board, p *dashboards.Panel) { p.Title = "Spend in EUR" }, "a second currency"},
		"wide":           {func(_ *dashboards.Board, p *dashboards.Panel) { p.Width = 7 }, "line's 24"},
		"unexplained":    {func(_ *dashboards.Board, p *dashboards.Panel) { p.Description = "Sum of all calls in the range." }, "doesn't explain"},
		"lost link":      {func(_ *dashboards.Board, p *dashboards.Panel) { p.Links = []dashboards.Link{{Board: "tollkeeper-x"}} }, "which there isn't"},
		"lost variable": {func(_ *dashboards.Board, p *dashboards.Panel) {
			p.Links = []dashboards.Link{{Board: "tollkeeper-tenant", Variable: "x"}}
		}, "which it hasn't"},
		"twice":           {func(_ *dashboards.Board, p *dashboards.Panel) { p.Title = "Calls" }, "the title is there twice"},
		"exact by itself": {func(_ *dashboards.Board, p *dashboards.Panel) { p.Query = "tenant/unit_cost"; withoutAtLeast = nil }, "never says"},
	} {
		t.Run(name, func(t *testing.T) {
			kept := withoutAtLeast
			defer func() { withoutAtLeast = kept }()
			b := good
			b.Rows = slices.Clone(b.Rows)
			b.Rows[0].Panels = slices.Clone(b.Rows[0].Panels)
			c.breaks(&b, &b.Rows[0].Panels[0])
			found := lint([]dashboards.Board{b, dashboards.Tenant(), dashboards.Trace()})
			require.True(t, slices.ContainsFunc(found, func(o string) bool { return strings.Contains(o, c.says) }), "%v", found)
		})
	}
}
