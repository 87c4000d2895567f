package foreign

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// File says how a provider's price file is headed.
type File struct {
	Comment  string // lines of text above everything
	Provider string // OpenTelemetry's name of the provider
	Also     []string
	URL, Via string
	Checked  string // YYYY-MM-DD
	Prefixes []string
	Suffixes []string
	Dates    []string
	Dated    []string          // models whose name may carry a date
	Searches []string          // models that search by themselves
	Defaults map[string]string // a bucket without a price costs what another one does
}

// Words of a price file in the order in which they are written.
var (
	bucketOrder = []string{"input", "output", "reasoning", "cache_read", "cache_write", "cache_write_1h", "audio_input", "audio_output", "image_input"}
	unitOrder   = []string{"request", "image", "second", "minute", "hour", "page", "search"}
)

// Write returns the price file of a provider's models.
func (f *File) Write(models []Model) []byte {
	var b bytes.Buffer
	for line := range strings.Lines(f.Comment) {
		fmt.Fprintf(&b, "# %s\n", strings.TrimRight(line, "\n"))
	}
	fmt.Fprintf(&b, "provider: %s\n", quote(f.Provider))
	if len(f.Also) > 0 {
		fmt.Fprintf(&b, "also: %s\n", flow(f.Also))
	}
	b.WriteString("source:\n")
	for _, kv := range [][2]string{{"url", f.URL}, {"via", f.Via}, {"checked", f.Checked}} {
		if kv[1] != "" {
			fmt.Fprintf(&b, "  %s: %s\n", kv[0], quote(kv[1]))
		}
	}
	if len(f.Defaults) > 0 {
		fmt.Fprintf(&b, "defaults: %s\n", prices(f.Defaults, slices.Sorted(maps.Keys(f.Defaults))))
	}
	f.names(&b)
	b.WriteString("models:\n")
	for i := range models {
		f.model(&b, &models[i])
	}
	return b.Bytes()
}

func (f *File) names(b *bytes.Buffer) {
	if len(f.Prefixes)+len(f.Suffixes)+len(f.Dates) == 0 {
		return
	}
	b.WriteString("names:\n")
	for _, kv := range []struct {
		key  string
		list []string
	}{{"prefixes", f.Prefixes}, {"suffixes", f.Suffixes}, {"dates", f.Dates}} {
		if len(kv.list) > 0 {
			fmt.Fprintf(b, "  %s: %s\n", kv.key, flow(kv.list))
		}
	}
}

func (f *File) model(b *bytes.Buffer, m *Model) {
	fmt.Fprintf(b, "  - model: %s\n", quote(m.Name))
	if len(m.Aliases) > 0 {
		fmt.Fprintf(b, "    aliases: %s\n", flow(m.Aliases))
	}
	if slices.Contains(f.Dated, m.Name) {
		b.WriteString("    dated: true\n")
	}
	if slices.Contains(f.Searches, m.Name) {
		b.WriteString("    searches: true\n")
	}
	if m.URL != "" && m.URL != f.URL {
		fmt.Fprintf(b, "    source: {url: %s}\n", quote(m.URL))
	}
	b.WriteString("    prices:\n")
	for i := range m.Periods {
		m.Periods[i].write(b)
	}
}

func (p *Period) write(b *bytes.Buffer) {
	lead := "      - "
	line := func(format string, args ...any) {
		fmt.Fprintf(b, lead+format+"\n", args...)
		lead = "        "
	}
	for _, kv := range [][2]string{{"from", p.From}, {"to", p.To}, {"hours", p.Hours}} {
		if kv[1] != "" {
			line("%s: %s", kv[0], kv[1])
		}
	}
	p.Tiers[standard].write(line)
	var tiers []string
	for t := range p.Tiers {
		if t != standard {
			tiers = append(tiers, t)
		}
	}
	slices.Sort(tiers)
	if len(tiers) == 0 {
		return
	}
	line("tiers:")
	for _, t := range tiers {
		line("  %s:", quote(t))
		p.Tiers[t].write(func(format string, args ...any) { line("    "+format, args...) })
	}
}

func (t Tier) write(line func(string, ...any)) {
	if len(t.Million) > 0 || len(t.Unit) == 0 {
		line("usd_per_million: %s", prices(t.Million, bucketOrder))
	}
	if len(t.Unit) > 0 {
		line("usd_per_unit: %s", prices(t.Unit, unitOrder))
	}
	if len(t.Above) > 0 {
		line("above:")
	}
	for _, s := range t.Above {
		line("  - input_tokens: %d", s.Input)
		line("    usd_per_million: %s", prices(s.Million, bucketOrder))
	}
}

func prices(m map[string]string, order []string) string {
	var out []string
	for _, k := range order {
		if v, ok := m[k]; ok {
			out = append(out, k+": "+v)
		}
	}
	return "{" + strings.Join(out, ", ") + "}"
}

func flow(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = quote(n)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// plain are texts that YAML reads as texts without quotes.
var plain = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._/-]*$`)

func quote(s string) string {
	switch strings.ToLower(s) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n":
	default:
		if plain.MatchString(s) {
			return s
		}
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}
