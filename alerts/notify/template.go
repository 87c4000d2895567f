package notify

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"text/template"
	"time"

	"github.com/google/uuid"
)

// The default texts. A configuration may have its own, over the fields of Message.
const (
	defaultTitle = `{{if .Test}}TEST {{end}}{{if .Resolved}}resolved{{else}}{{.Severity}}{{end}}: {{.Rule}}{{with .About}} of {{.}}{{end}}`
	defaultText  = `{{.Summary}}
{{- range .Facts}}
{{.Name}}: {{.Text}}
{{- end}}
{{- if .Calls}}
Dearest calls:{{range .Calls}} {{.USD}} USD {{.Model}} {{.Trace}};{{end}}
{{- end}}
{{- range .Links}}
{{.Name}}: {{.URL}}
{{- end}}
{{- if .Undo}}
Undo: {{.Undo}}
{{- end}}
{{- if .Runbook}}
Runbook: {{.Runbook}}
{{- end}}`
)

// mostText bounds what a template may write.
const mostText = 8000

// texts are the parsed templates.
type texts struct {
	title, text *template.Template
	own         bool // the text is the configuration's own
}

func parseTexts(title, text string) (t texts, err error) {
	t.own = text != ""
	if title == "" {
		title = defaultTitle
	}
	if text == "" {
		text = defaultText
	}
	var errs []error
	parse := func(name, body string) *template.Template {
		parsed, err := template.New(name).Option("missingkey=error").Funcs(template.FuncMap{"join": strings.Join, "upper": strings.ToUpper}).Parse(body)
		if err == nil {
			_, err = write(parsed, sample())
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("templates.%s: %w; fields are those of an episode: .Rule .Kind .About .Tenant .Severity .State .Summary .Facts .Calls .Links .Undo .Runbook", name, err))
		}
		return parsed
	}
	t.title, t.text = parse("title", title), parse("text", text)
	return t, errors.Join(errs...)
}

// line and body fall back to the summary: a template that fails on a message must not cost the message.
func (t texts) line(m *Message) string {
	s, err := write(t.title, m)
	if err != nil || strings.TrimSpace(s) == "" {
		return m.Severity + ": " + m.Rule + " " + m.Tenant
	}
	return strings.Join(strings.Fields(s), " ")
}

func (t texts) body(m *Message) string {
	s, err := write(t.text, m)
	if err != nil || strings.TrimSpace(s) == "" {
		return m.Summary
	}
	return strings.TrimSpace(s)
}

func write(t *template.Template, m *Message) (string, error) {
	var out bytes.Buffer
	err := t.Execute(&bounded{&out, mostText}, m)
	if errors.Is(err, errFull) {
		return strings.ToValidUTF8(out.String(), "") + "…", nil
	}
	return out.String(), err
}

var errFull = errors.New("text is too long")

// bounded takes so many bytes.
type bounded struct {
	out  *bytes.Buffer
	left int
}

func (b *bounded) Write(p []byte) (int, error) {
	if len(p) > b.left {
		n, _ := b.out.Write(p[:b.left])
		b.left = 0
		return n, errFull
	}
	b.left -= len(p)
	return b.out.Write(p)
}

// sample is what templates are tried on and tests are made of.
func sample() *Message {
	at := time.Date(2026, 11, 2, 10, 20, 30, 0, time.UTC)
	return &Message{
		Episode: uuid.MustParse("00000000-0000-4000-8000-000000000001"), Sequence: 1, Rule: "spend-spike", Kind: "spike", Tenant: "acme",
		Subject: map[string]string{"tenant": "acme"}, Severity: Critical, State: Firing, Started: at, At: at,
		Summary: "acme spends 12.40 USD in 30s; 6.00 USD or more are a spike",
		Facts:   []Fact{{"Rise", "6.2 times the usual"}, {"Mostly", "model gpt-5"}, {"Done", "nothing: dry run"}},
		Calls:   []Call{{USD: "2.00", Model: "gpt-5", Trace: "00000000000000000000000000000001", URL: "http://127.0.0.1:8480/"}},
		Links:   []Link{{"Viewer", "http://127.0.0.1:8480/"}},
		Runbook: "https://example.com/spike", Undo: "tollkeeper throttle release 'acme'",
	}
}
