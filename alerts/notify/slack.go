package notify

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

// slack posts Block Kit to an incoming webhook (docs.slack.dev: incoming webhooks, Block Kit reference).
type slack struct {
	cfg    Slack
	texts  texts
	client *http.Client
}

func (s slack) name() string            { return s.cfg.Name }
func (s slack) takes(m *Message) bool   { return s.cfg.Only.takes(m, false) }
func (s slack) group(m *Message) string { return "" }

// Slack's limits: 150 characters of a header, 3,000 of a section, 50 blocks; and all blocks together about 13,000 characters,
// which isn't documented (slackapi/bolt-js issue 2509).
const (
	slackHeader  = 150
	slackSection = 3000
	slackTotal   = 9000
	slackLines   = 30
)

type slackText struct {
	Type  string `json:"type"`
	Text  string `json:"text"`
	Emoji bool   `json:"emoji,omitempty"`
}

type slackBlock struct {
	Type     string      `json:"type"`
	Text     *slackText  `json:"text,omitempty"`
	Elements []slackText `json:"elements,omitempty"`
}

type slackMessage struct {
	Text   string       `json:"text"` // what a phone shows
	Blocks []slackBlock `json:"blocks"`
}

func (s slack) send(ctx context.Context, messages []*Message) error {
	var out slackMessage
	if len(messages) == 1 {
		out = s.one(messages[0])
	} else {
		out = s.many(messages)
	}
	req, _, err := post(ctx, s.cfg.URL, out)
	if err != nil {
		return err
	}
	return deliver(s.client, req)
}

func sign(m *Message) string {
	switch {
	case m.Resolved():
		return "✅"
	case m.Severity == Critical:
		return "🔴"
	}
	return "🟠"
}

func (s slack) one(m *Message) slackMessage {
	title := sign(m) + " " + s.texts.line(m)
	out := slackMessage{Text: escape(title+": "+m.Summary, slackSection), Blocks: []slackBlock{header(title)}}
	if s.texts.own {
		out.add(escape(s.texts.body(m), slackSection))
		return out
	}
	out.add(escape(m.Summary, slackSection))
	var facts []string
	for _, f := range m.Facts {
		facts = append(facts, "*"+escape(f.Name, 100)+"* "+escape(f.Text, 1000))
	}
	if m.Undo != "" {
		facts = append(facts, "*Undo* `"+escape(strings.ReplaceAll(m.Undo, "`", "'"), 500)+"`")
	}
	out.add(lines(facts, slackSection))
	var calls []string
	for _, c := range m.Calls {
		calls = append(calls, "• "+escape(c.USD+" USD "+c.Model, 200)+" "+link(c.URL, short(c.Trace)))
	}
	if len(calls) > 0 {
		out.add(lines(append([]string{"*Dearest calls*"}, calls...), slackSection))
	}
	var links []string
	for _, l := range m.Links {
		links = append(links, link(l.URL, l.Name))
	}
	if m.Runbook != "" {
		links = append(links, link(m.Runbook, "Runbook"))
	}
	links = append(links, "episode "+m.Episode.String())
	out.Blocks = append(out.Blocks, slackBlock{Type: "context", Elements: []slackText{{Type: "mrkdwn", Text: clip(strings.Join(links, " · "), slackSection)}}})
	return out
}

// many is a line for each.
func (s slack) many(messages []*Message) slackMessage {
	firing := 0
	for _, m := range messages {
		if !m.Resolved() {
			firing++
		}
	}
	title := fmt.Sprintf("%d alerts: %d firing, %d resolved", len(messages), firing, len(messages)-firing)
	out := slackMessage{Text: title, Blocks: []slackBlock{header(title)}}
	total := 0
	for i, m := range messages {
		line := sign(m) + " *" + escape(s.texts.line(m), slackHeader) + "*\n" + escape(m.Summary, 500)
		if total += len(line); total > slackTotal || i == slackLines {
			out.add(fmt.Sprintf("and %d more: `tollkeeper alerts list`", len(messages)-i))
			break
		}
		out.add(line)
	}
	return out
}

func (m *slackMessage) add(text string) {
	if text != "" {
		m.Blocks = append(m.Blocks, slackBlock{Type: "section", Text: &slackText{Type: "mrkdwn", Text: text}})
	}
}

func header(title string) slackBlock {
	return slackBlock{Type: "header", Text: &slackText{Type: "plain_text", Text: clip(title, slackHeader), Emoji: true}}
}

// lines joins as many as fit.
func lines(all []string, most int) string {
	var b strings.Builder
	for _, l := range all {
		if b.Len()+len(l)+1 > most {
			break
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(l)
	}
	return b.String()
}

var slackEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// escape makes text of s that is nothing but text to Slack (no mention, no link), in at most so many bytes.
func escape(s string, most int) string {
	var b strings.Builder
	for _, r := range s {
		piece := slackEscapes.Replace(string(r))
		if b.Len()+len(piece)+len("…") > most {
			b.WriteString("…")
			break
		}
		b.WriteString(piece)
	}
	return b.String()
}

// clip cuts s to at most so many bytes, between characters.
func clip(s string, most int) string {
	s = strings.ToValidUTF8(s, "�")
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most-len("…")], "") + "…"
}

// link is a link if it leads somewhere, else its words.
func link(url, words string) string {
	if !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
		if url != "" && url != words {
			words += " " + url
		}
		return escape(words, 300)
	}
	url = strings.NewReplacer("&", "&amp;", "<", "%3C", ">", "%3E", "|", "%7C").Replace(strings.ToValidUTF8(url, "�"))
	return "<" + url + "|" + escape(words, 200) + ">"
}

func short(id string) string {
	if len(id) > 10 {
		return id[:10] + "…"
	}
	return id
}
