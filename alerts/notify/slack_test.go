package notify

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func slackOf(t testing.TB, messages ...*Message) slackMessage {
	texts, err := parseTexts("", "")
	require.NoError(t, err)
	s := slack{texts: texts}
	if len(messages) == 1 {
		return s.one(messages[0])
	}
	return s.many(messages)
}

// within asserts Slack's limits.
func within(t testing.TB, m slackMessage) {
	require.LessOrEqual(t, len(m.Blocks), 50)
	total := 0
	for _, b := range m.Blocks {
		most := slackSection
		if b.Type == "header" {
			most = slackHeader
		}
		texts := b.Elements
		if b.Text != nil {
			texts = append(texts, *b.Text)
		}
		for _, x := range texts {
			require.NotEmpty(t, x.Text)
			require.True(t, utf8.ValidString(x.Text))
			require.LessOrEqual(t, len(x.Text), most, x.Text)
			total += len(x.Text)
			if x.Type == "mrkdwn" { // whatever is between < and > is a link that we made
				for _, tag := range regexp.MustCompile(`<[^>]*>?`).FindAllString(x.Text, -1) {
					require.Regexp(t, `^<https?://[^<>|]*\|[^<>|]*>$`, tag)
				}
			}
		}
	}
	require.LessOrEqual(t, total, 12000)
}

func TestSlackSaysWhatAPersonNeeds(t *testing.T) {
	m := slackOf(t, sample())
	within(t, m)
	text, err := json.Marshal(m)
	require.NoError(t, err)
	for _, want := range []string{"🔴 critical: spend-spike of acme", "6.00 USD or more are a spike", "*Rise* 6.2 times the usual", "*Mostly* model gpt-5",
		"*Done* nothing: dry run", "tollkeeper throttle release 'acme'", "2.00 USD gpt-5"} {
		require.Contains(t, strings.ReplaceAll(string(text), `\u003c`, "<"), want)
	}
	require.Contains(t, m.Blocks[len(m.Blocks)-1].Elements[0].Text, "<http://127.0.0.1:8480/|Viewer> · <https://example.com/spike|Runbook>")
}

func TestSlackPutsManyInOneMessage(t *testing.T) {
	var all []*Message
	for range 200 {
		m := about("r")
		m.Summary = strings.Repeat("long ", 200)
		all = append(all, &m)
	}
	all[0].State = Resolved
	m := slackOf(t, all...)
	within(t, m)
	require.Equal(t, "200 alerts: 199 firing, 1 resolved", m.Text)
	require.Contains(t, m.Blocks[len(m.Blocks)-1].Text.Text, "more: `tollkeeper alerts list`")
}

// FuzzSlack: whatever tenants, models and templates say, Slack takes it, and nobody is mentioned.
func FuzzSlack(f *testing.F) {
	f.Add("acme", "<!channel> & <http://evil|x>", "gpt", "https://ok.example/?a=1&b=<>|", uint8(3))
	f.Add(strings.Repeat("é", 400), strings.Repeat("<", 4000), "", "javascript:alert(1)", uint8(200))
	f.Add("\xff\xfe", "`tick`", "a\nb", "", uint8(0))
	f.Fuzz(func(t *testing.T, tenant, text, model, url string, n uint8) {
		m := sample()
		m.Tenant, m.Summary, m.Runbook, m.Undo = tenant, text, url, text
		m.Facts = nil
		for range int(n) {
			m.Facts = append(m.Facts, Fact{model, text})
			m.Calls = append(m.Calls, Call{USD: "1.00", Model: model, Trace: text, URL: url})
			m.Links = append(m.Links, Link{tenant, url})
		}
		m.Links = m.Links[:min(len(m.Links), 4)]
		within(t, slackOf(t, m))
		within(t, slackOf(t, m, m, m))
	})
}

func TestTemplatesAreTriedBeforeTheyAreNeeded(t *testing.T) {
	for _, bad := range []string{"{{", "{{.Nothing}}", "{{.Facts.Name}}"} {
		_, err := parseTexts(bad, "")
		require.ErrorContains(t, err, "templates.title", bad)
	}
	own, err := parseTexts("{{upper .Rule}}", "{{range .Facts}}{{.Text}}{{end}}")
	require.NoError(t, err)
	require.Equal(t, "SPEND-SPIKE", own.line(sample()))
	long, err := parseTexts("", "{{range .Facts}}{{.Text}}{{end}}")
	require.NoError(t, err)
	m := sample()
	m.Facts = []Fact{{"x", strings.Repeat("é", mostText)}}
	require.LessOrEqual(t, len(long.body(m)), mostText+len("…"))
	m.Facts = nil
	require.Equal(t, m.Summary, long.body(m), "an empty text says nothing")
	breaks, err := parseTexts("", "{{(index .Calls 0).Model}}")
	require.NoError(t, err)
	m.Calls = nil
	require.Equal(t, m.Summary, breaks.body(m), "a template that fails doesn't cost the message")
}

func TestLabelsTellEpisodesApart(t *testing.T) {
	a, b := sample(), sample()
	a.Subject = map[string]string{"tenant": "acme", "team": "search", "threshold": "80"}
	b.Subject = map[string]string{"tenant": "acme", "team": "ads", "threshold": "80"}
	require.NotEqual(t, a.Labels(), b.Labels())
	require.Equal(t, "80%", a.Labels()["threshold"])
	require.Equal(t, map[string]string{"tenant": "acme", "team": "search", "threshold": "80"}, a.Subject, "the message isn't changed")
	require.Equal(t, "acme search", a.About())
}

func TestConfigNamesWhatIsWrong(t *testing.T) {
	c := DefaultConfig()
	require.NoError(t, c.Validate())
	c.PerMinute = 0
	c.Templates.Text = "{{.Oops}}"
	c.Slacks = []Slack{{Name: "a", URL: "hooks.slack.com/services/T0K3N"}, {Name: "a", URL: "https://hooks.slack.com/x", Only: Only{Severities: []string{"loud"}}}}
	err := c.Validate()
	for _, want := range []string{"per_minute 0", "templates.text", "slacks[0].url: want http(s)", `slacks[1].name "a"`, `slacks[1].only.severities "loud"`} {
		require.ErrorContains(t, err, want)
	}
	require.NotContains(t, err.Error(), "T0K3N")
}
