package main

import (
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
)

// Help is wrapped to the terminal, at most so wide; to so many columns where it goes elsewhere.
const (
	widestHelp  = 100
	defaultHelp = 80
)

// wrapHelp makes the help of a command and of all below it as wide as the terminal allows.
func wrapHelp(root *cobra.Command) {
	cobra.AddTemplateFunc("wrapped", func(text string) string { return wrap(text, helpWidth()) })
	cobra.AddTemplateFunc("listed", func(name string, padding int, text string) string {
		indent := padding + 3
		lines := wrap(text, max(helpWidth()-indent, 24))
		return "  " + name + strings.Repeat(" ", padding-len(name)+1) + strings.ReplaceAll(lines, "\n", "\n"+strings.Repeat(" ", indent))
	})
	cobra.AddTemplateFunc("flagUsages", func(c *cobra.Command) string {
		return strings.TrimRight(c.LocalFlags().FlagUsagesWrapped(helpWidth()), "\n")
	})
	root.SetHelpTemplate(`{{with (or .Long .Short)}}{{. | wrapped}}

{{end}}{{if or .Runnable .HasSubCommands}}{{.UsageString}}{{end}}`)
	root.SetUsageTemplate(usageTemplate)
	saidOnce(root)
}

// saidOnce keeps pflag from adding a default to a flag whose text tells it already, and "[]" to one that has none.
func saidOnce(c *cobra.Command) {
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if !strings.Contains(f.Usage, "(default") && f.DefValue != "[]" {
			return
		}
		switch kind := f.Value.Type(); {
		case kind == "int":
			f.DefValue = "0"
		case strings.HasSuffix(kind, "Slice"), strings.HasSuffix(kind, "Array"):
			f.DefValue = "[]"
		default:
			f.DefValue = ""
		}
	})
	for _, sub := range c.Commands() {
		saidOnce(sub)
	}
}

// usageTemplate is cobra's, with the lists of commands and flags wrapped.
const usageTemplate = `Usage:{{if .Runnable}}
  {{.UseLine}}{{end}}{{if .HasAvailableSubCommands}}
  {{.CommandPath}} [command]{{end}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}{{$cmds := .Commands}}{{if eq (len .Groups) 0}}

Commands:{{range $cmds}}{{if .IsAvailableCommand}}
{{listed .Name .NamePadding .Short}}{{end}}{{end}}{{else}}{{range $group := .Groups}}

{{.Title}}{{range $cmds}}{{if (and (eq .GroupID $group.ID) .IsAvailableCommand)}}
{{listed .Name .NamePadding .Short}}{{end}}{{end}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{flagUsages .}}{{end}}{{if .HasAvailableSubCommands}}

Use "{{.CommandPath}} [command] --help" for the help of one of them.{{end}}
`

func helpWidth() int {
	width, _, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil || width <= 0 {
		return defaultHelp
	}
	return min(width, widestHelp)
}

// wrap breaks paragraphs into lines of at most width characters, where words allow it. A line that is indented stands as it
// is; one that begins with "- " begins an item of a list.
func wrap(text string, width int) string {
	var out []string
	line := ""
	end := func() {
		if line != "" {
			out, line = append(out, line), ""
		}
	}
	for l := range strings.Lines(text) {
		l = strings.TrimRight(l, " \n")
		switch {
		case l == "" || strings.HasPrefix(l, " "):
			end()
			out = append(out, l)
			continue
		case strings.HasPrefix(l, "- "):
			end()
		}
		for word := range strings.FieldsSeq(l) {
			if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
				end()
			}
			if line != "" {
				line += " "
			}
			line += word
		}
	}
	end()
	return strings.Join(out, "\n")
}
