package alerts

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tollkeeper/tollkeeper/alerts/detect"
	"github.com/tollkeeper/tollkeeper/alerts/notify"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// linkMargin is what a link shows before and after the episode.
const linkMargin = 15 * time.Minute

// newMessage says of an episode's event all that a person needs. started is when the episode fired; steps are those of its
// throttle commands so far, oldest first.
func newMessage(cfg notify.Config, e AlertEvent, started time.Time, steps []ThrottleEvent) notify.Message {
	if started.IsZero() {
		started = e.At
	}
	var d detail
	_ = json.Unmarshal([]byte(e.Detail), &d) // what can't be read explains nothing; the summary stands
	m := notify.Message{Episode: e.Episode, Sequence: e.Sequence, Rule: e.Rule, Kind: e.Kind, Tenant: e.Tenant, Subject: e.Subject, Severity: e.Severity,
		State: e.State, Started: started, At: e.At, Summary: e.Summary, Runbook: runbook(cfg, e.Kind)}
	fact := func(name, text string) {
		if text != "" {
			m.Facts = append(m.Facts, notify.Fact{Name: name, Text: text})
		}
	}
	if e.Kind == KindWatchdog {
		return m
	}
	if e.State != StateResolved {
		fact("Rise", rise(e, d))
	} else {
		fact("Lasted", e.At.Sub(started).Round(time.Second).String())
	}
	if d.Why != nil {
		fact("Mostly", d.Why.mostly())
		for _, c := range d.Why.Top {
			m.Calls = append(m.Calls, notify.Call{USD: trimmed(c.USD), Model: c.Model, Trace: c.Trace, URL: viewerCall(cfg, c)})
		}
	}
	fact("Done", done(steps))
	m.Undo = undo(e, steps)
	m.Links = links(cfg, e, started)
	return m
}

// runbook is the page of the kind: at the configured address, or in the project.
func runbook(cfg notify.Config, kind string) string {
	if cfg.RunbookURL != "" {
		return cfg.RunbookURL + kind
	}
	return "docs/alerts/" + kind + ".md"
}

// mostly is the part that explains most of the rise.
func (w *Why) mostly() string {
	if w.Dimension == "" {
		return ""
	}
	return fmt.Sprintf("%s %s: %s USD, and %s USD in the time before (%s)", w.Dimension, w.Value, trimmed(w.Now), trimmed(w.Before), w.Window)
}

func trimmed(usd string) string {
	sum, err := ledger.ParseSum(usd)
	if err != nil {
		return usd
	}
	return sum.Short()
}

// rise is by how much, against what.
func rise(e AlertEvent, d detail) string {
	usd := func(s ledger.Sum) string { return s.Short() + " USD" }
	switch e.Kind {
	case KindBudget, KindForecast:
		amount, err := ledger.ParseSum(d.Amount)
		if err != nil || amount.Sign() <= 0 {
			return ""
		}
		return fmt.Sprintf("%s of %s: %s of the budget of %s", quantity(e.Kind), usd(e.Value), percent(e.Value, amount), usd(amount))
	case KindBurn:
		return fmt.Sprintf("%s in %s; %s would be too fast: %s of that", usd(e.Value), d.Window, usd(e.Threshold), percent(e.Value, e.Threshold))
	case KindSpike:
		base, err := ledger.ParseSum(d.BaselineUSD)
		in, err2 := time.ParseDuration(d.BaselineFor)
		window, err3 := time.ParseDuration(d.Window)
		if err != nil || err2 != nil || err3 != nil || in <= 0 {
			return ""
		}
		usual, err := detect.Rate{Spend: base, In: in}.Scaled(detect.One, window)
		if err != nil || usual.Sign() == 0 {
			return fmt.Sprintf("%s in %s, where nothing was spent (%s)", usd(e.Value), d.Window, d.Baseline)
		}
		return fmt.Sprintf("%s times the usual: %s in %s against %s (%s)", times(e.Value, usual), usd(e.Value), d.Window, usd(usual), d.Baseline)
	case KindRunaway:
		if e.Threshold.Sign() > 0 {
			return fmt.Sprintf("%s times the limit: %s in %d calls against %s in %s", times(e.Value, e.Threshold), usd(e.Value), d.Calls, usd(e.Threshold), d.Window)
		}
		return fmt.Sprintf("%d calls in %s", d.Calls, d.Window)
	case KindShare, KindLimit:
		return fmt.Sprintf("%s of %d calls in %s", percent(e.Value, e.Threshold), d.Calls, d.Window)
	case KindSilence:
		return fmt.Sprintf("%d calls in %s against %s that are usual", d.Calls, d.Window, whole(e.Threshold))
	}
	return ""
}

func quantity(kind string) string {
	if kind == KindForecast {
		return "a forecast"
	}
	return "a spend"
}

func whole(s ledger.Sum) string { return strings.TrimSuffix(s.Short(), ".00") }

// times is a/b with one decimal, rounded down; shown, never compared.
func times(a, b ledger.Sum) string {
	n := ratio(a, b, 10)
	return fmt.Sprintf("%d.%d", n/10, n%10)
}

func percent(a, b ledger.Sum) string { return fmt.Sprintf("%d %%", ratio(a, b, 100)) }

func ratio(a, b ledger.Sum, scale int64) int64 {
	if b.Sign() <= 0 {
		return 0
	}
	n := detect.Integer(a)
	n.Mul(n, big.NewInt(scale)).Div(n, detect.Integer(b))
	if !n.IsInt64() {
		return 1<<63 - 1
	}
	return n.Int64()
}

// done is what was done to the tenant, step by step.
func done(steps []ThrottleEvent) string {
	if len(steps) == 0 {
		return "nothing: no throttle is asked for"
	}
	last := steps[len(steps)-1]
	if last.Step == StepDryRun {
		return fmt.Sprintf("nothing: a dry run of %s (%s)", last.Level, last.Answer)
	}
	what := ""
	var parts []string
	seen := map[string]bool{}
	for _, s := range steps {
		if s.Step == StepOrdered && s.Level != "release" {
			what = s.Level + limitsText(s.Limits)
		}
		if (s.Step == StepOrdered && s.Level == "release") || seen[s.Step] {
			continue
		}
		seen[s.Step] = true
		parts = append(parts, s.Step+" "+s.At.UTC().Format(time.TimeOnly))
	}
	text := fmt.Sprintf("%s at %s: %s", what, last.Gateway, strings.Join(parts, ", "))
	if steps[0].DryRun {
		text = "nothing, a dry run: " + text
	}
	return text
}

func limitsText(l map[string]ledger.Sum) string {
	var parts []string
	for _, name := range []string{"requests", "tokens"} {
		if v, ok := l[name]; ok {
			parts = append(parts, whole(v)+" "+name)
		}
	}
	if v, ok := l["usd"]; ok {
		parts = append(parts, v.Short()+" USD")
	}
	if len(parts) == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s per %s s)", strings.Join(parts, ", "), whole(l["per_seconds"]))
}

// undo is the command that lifts the throttle, if one was ordered: of the part of the tenant that it is about.
func undo(e AlertEvent, steps []ThrottleEvent) string {
	bites := slices.IndexFunc(steps, func(s ThrottleEvent) bool { return s.Step == StepOrdered && !s.DryRun })
	if bites < 0 || e.State == StateResolved {
		return ""
	}
	words := "tollkeeper throttle release --reason WHY"
	about := steps[bites].Subject
	for _, part := range []struct{ flag, value string }{{"team", about.Team}, {"key", about.Key}, {"user", about.User}, {"model", about.Model}} {
		if part.value != "" {
			words += " --" + part.flag + "=" + shellQuote(part.value)
		}
	}
	if strings.HasPrefix(e.Tenant, "-") { // no flag
		words += " --"
	}
	return words + " " + shellQuote(e.Tenant)
}

// shellQuote makes one word of s that no shell takes for anything else: a tenant's name may be anybody's choice.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// links lead to the tenant's board at the time of the episode. A tenant goes into an address as the hex of its name.
func links(cfg notify.Config, e AlertEvent, started time.Time) []notify.Link {
	from, to := earlier(started, e.Crossed).Add(-linkMargin), e.At.Add(linkMargin)
	if e.Crossed.IsZero() {
		from = started.Add(-linkMargin)
	}
	board := "tollkeeper-spend"
	q := url.Values{}
	if e.Tenant != "" {
		board = "tollkeeper-tenant"
		q.Set("var-tenant", strings.ToUpper(hex.EncodeToString([]byte(e.Tenant))))
	}
	var out []notify.Link
	if cfg.ViewerURL != "" {
		v := url.Values{"range": {fmt.Sprintf("%d-%d", from.UnixMilli(), to.UnixMilli())}}
		for k := range q {
			v.Set(k, q.Get(k))
		}
		out = append(out, notify.Link{Name: "Viewer", URL: strings.TrimSuffix(cfg.ViewerURL, "/") + "/#/board/" + board + "?" + v.Encode()})
	}
	if cfg.GrafanaURL != "" {
		q.Set("from", fmt.Sprint(from.UnixMilli()))
		q.Set("to", fmt.Sprint(to.UnixMilli()))
		out = append(out, notify.Link{Name: "Grafana", URL: strings.TrimSuffix(cfg.GrafanaURL, "/") + "/d/" + board + "?" + q.Encode()})
	}
	return out
}

func viewerCall(cfg notify.Config, c TopCall) string {
	if cfg.ViewerURL == "" {
		return ""
	}
	return strings.TrimSuffix(cfg.ViewerURL, "/") + "/#/call/" + c.Trace + "/" + c.Span
}
