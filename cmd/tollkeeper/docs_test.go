package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/config"
)

// pages are the documents that people read, by their path in the tree.
func pages(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	root := filepath.Join("..", "..")
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (slices.Contains([]string{".git", "node_modules", "bin", "dist", "testdata"}, d.Name())) {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".md" || d.Name() == "documentation.md" { // generated
			return nil
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(root, path)
		out[filepath.ToSlash(name)] = string(text)
		return err
	}))
	require.Greater(t, len(out), 40)
	return out
}

var (
	inline = regexp.MustCompile("`((?:bin/)?tollkeeper [^`]+)`")
	block  = regexp.MustCompile(`(?m)^ {4}((?:bin/)?tollkeeper .*)$`)
	target = regexp.MustCompile("`make ([a-z][a-z-]*)|(?m:^ {4}make ([a-z][a-z-]*))")
	link   = regexp.MustCompile(`\]\(([^)#\s:]+)(?:#[^)]*)?\)`)
	said   = regexp.MustCompile(`\s{2,}\S.*$|\s#.*$|\s[|>].*$`) // after a command: what it is for, where its output goes
	word   = regexp.MustCompile(`"[^"]*"|\$\([^)]*\)|\S+`)
)

// commands are the command lines of a page, without what is said of them.
func commands(text string) (out []string) {
	for _, m := range inline.FindAllStringSubmatch(text, -1) {
		out = append(out, strings.Join(strings.Fields(m[1]), " "))
	}
	for _, m := range block.FindAllStringSubmatch(text, -1) {
		out = append(out, m[1])
	}
	return out
}

// Every command line of the documentation names a command and flags that there are.
func TestCommandsOfTheDocumentation(t *testing.T) {
	found := 0
	for page, text := range pages(t) {
		for _, line := range commands(text) {
			found++
			line = strings.NewReplacer("[", "", "]", "", "…", "").Replace(said.ReplaceAllString(line, ""))
			words := word.FindAllString(line, -1)[1:]
			c, rest, err := newRoot().Find(words)
			require.NoError(t, err, "%s: %s", page, line)
			c.InitDefaultHelpFlag()
			var args []string
			for i := 0; i < len(rest); i++ {
				name, isFlag := strings.CutPrefix(rest[i], "--")
				if !isFlag {
					args = append(args, rest[i])
					continue
				}
				name, _, given := strings.Cut(name, "=")
				name = strings.TrimRight(name, ",.;")
				var flag *pflag.Flag
				if flag = c.Flags().Lookup(name); flag == nil {
					flag = c.InheritedFlags().Lookup(name)
				}
				require.NotNil(t, flag, "%s: %s: %s has no --%s", page, line, c.CommandPath(), name)
				if flag.NoOptDefVal == "" && !given {
					i++ // its value
				}
			}
			if c.HasSubCommands() && !c.Runnable() {
				require.Empty(t, args, "%s: %s: %s has no such command", page, line, c.CommandPath())
			}
		}
	}
	require.Greater(t, found, 100)
}

// Every make target and every file that a page names is there.
func TestTargetsAndLinksOfTheDocumentation(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	require.NoError(t, err)
	for page, text := range pages(t) {
		for _, m := range target.FindAllStringSubmatch(text, -1) {
			require.Contains(t, string(makefile), "\n"+m[1]+m[2]+":", "%s: make %s%s", page, m[1], m[2])
		}
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			_, err := os.Stat(filepath.Join("..", "..", filepath.Dir(page), m[1]))
			require.NoError(t, err, "%s links to it", page)
		}
	}
}

var setting = regexp.MustCompile(`(?m)(?:^    (?:log|http|kafka|clickhouse|schema|collector|ingest|rollup|alerts|viewer|dashboards|api):.*\n)(?:^    .*\n|^\n)*`)

// Every piece of configuration in the documentation has keys that there are, and values of their type.
func TestConfigurationOfTheDocumentation(t *testing.T) {
	found := 0
	for page, text := range pages(t) {
		for _, yaml := range setting.FindAllString(text, -1) {
			found++
			path := filepath.Join(t.TempDir(), "toll.yaml")
			require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll("\n"+yaml, "\n    ", "\n")), 0o600))
			_, err := config.Load(path, func(string) (string, bool) { return "https://example.com/x", true })
			if err != nil { // a piece may lack what it needs
				require.NotRegexp(t, `(?m)^line \d+:|unknown key|\[\d+:\d+\]`, err.Error(), "%s:\n%s", page, yaml)
			}
		}
	}
	require.GreaterOrEqual(t, found, 7)
}
