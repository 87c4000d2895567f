package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
)

func newPrices() *cobra.Command {
	c := &cobra.Command{Use: "prices", Short: "The price book: list and show prices, explain an amount, check price files"}
	c.AddCommand(newPricesList(), newPricesShow(), newPricesExplain(), newPricesDiff(), newPricesLint(), newPricesImport())
	return c
}

// bookFlags are what every command needs that looks into the book.
type bookFlags struct {
	c        *cobra.Command
	files    []string
	provider string
	at       string
	json     bool
}

func newBookFlags(c *cobra.Command) (*bookFlags, func() (*pricing.Book, time.Time, error)) {
	f := &bookFlags{c: c}
	load := configFlag(c)
	c.Flags().StringArrayVar(&f.files, "prices", nil, "price file laid over the built-in prices and those of the configuration; may be repeated")
	c.Flags().StringVar(&f.provider, "provider", "", "provider, by any of its names (openai, azure.ai.openai, …)")
	c.Flags().StringVar(&f.at, "at", "", "day or moment in UTC, 2026-01-31 or 2026-01-31T12:00:00Z")
	c.Flags().BoolVar(&f.json, "json", false, "one JSON object per row, decimals as strings")
	return f, func() (*pricing.Book, time.Time, error) {
		var files []string
		if c.Flag("config").Value.String() != "" {
			cfg, err := load()
			if err != nil {
				return nil, time.Time{}, err
			}
			files = cfg.Collector.LLMCost.PriceFiles
		}
		book, err := pricing.Load(append(files, f.files...)...)
		if err != nil {
			return nil, time.Time{}, f.usage(err)
		}
		at, err := moment("at", f.at)
		if err != nil {
			return nil, at, f.usage(err)
		}
		if f.provider != "" && !book.Accepts(f.provider) {
			return nil, at, f.usage(fmt.Errorf("--provider %q: no prices of it; use one of %s", f.provider, strings.Join(book.Providers(), ", ")))
		}
		return book, at, nil
	}
}

func (f *bookFlags) usage(err error) error { return &usageError{f.c.CommandPath(), err} }

// moment is what a flag says; empty is the zero time.
func moment(flag, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("--%s %q: want a day (2026-01-31) or a moment (2026-01-31T12:00:00Z)", flag, s)
}

func newPricesList() *cobra.Command {
	c := &cobra.Command{
		Use: "list", Short: "Prices of all models, or some, at a time", Args: cobra.NoArgs,
		Example: `  tollkeeper prices list --provider anthropic
  tollkeeper prices list --model gpt-5 --at 2026-06-30 --json`,
	}
	f, load := newBookFlags(c)
	model := c.Flags().String("model", "", "only models whose name contains this")
	c.RunE = func(c *cobra.Command, _ []string) error {
		book, at, err := load()
		if err != nil {
			return err
		}
		if at.IsZero() {
			at = time.Now()
		}
		rows := book.List(f.provider, *model, at)
		if f.json {
			return writeJSON(c.OutOrStdout(), rows)
		}
		return pricing.WriteList(c.OutOrStdout(), rows)
	}
	return c
}

func newPricesShow() *cobra.Command {
	c := &cobra.Command{
		Use: "show MODEL", Short: "Every price of a model: history, tiers, overrides, and where they come from", Args: cobra.ExactArgs(1),
		Example: `  tollkeeper prices show gpt-4o
  tollkeeper prices show claude-sonnet-4-5 --provider aws.bedrock --at 2026-06-30`,
	}
	f, load := newBookFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		book, at, err := load()
		if err != nil {
			return err
		}
		names := book.Resolve(f.provider, args[0])
		if len(names) == 0 {
			return unknownModel(book, f.provider, args[0])
		}
		for i, n := range names {
			rows := book.History(n, at)
			if f.json {
				err = writeJSON(c.OutOrStdout(), rows)
			} else {
				if i > 0 {
					fmt.Fprintln(c.OutOrStdout())
				}
				err = pricing.WriteHistory(c.OutOrStdout(), n, book.Aliases(n), rows)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	return c
}

func newPricesExplain() *cobra.Command {
	c := &cobra.Command{
		Use: "explain MODEL", Short: "One call's amount, line by line, as a person would check it", Args: cobra.ExactArgs(1),
		Long: `Prices a usage as the collector would, and shows the sum: tokens × price × factor for each bucket, its
rounding, the total, and what discounts, caching and the tier saved. The counts are disjoint: --input is
without the cached tokens, --output without reasoning. The exit code is 1 when the usage can't be priced.`,
		Example: `  tollkeeper prices explain gpt-4o --input 1000 --cache-read 3 --output 10
  tollkeeper prices explain claude-sonnet-4-5 --provider anthropic --input 250000 --output 900 --tier batch`,
	}
	f, load := newBookFlags(c)
	call := &ledger.Call{}
	usageFlags(c, &call.Usage)
	c.Flags().StringVar(&call.ServiceTier, "tier", "", "service tier that answered: batch, flex, priority …")
	c.Flags().StringVar(&call.Tenant, "tenant", "", "tenant, for its negotiated prices")
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := checkCounts(&call.Usage); err != nil {
			return f.usage(err)
		}
		book, at, err := load()
		if err != nil {
			return err
		}
		if at.IsZero() {
			at = time.Now()
		}
		names := book.Resolve(f.provider, args[0])
		switch {
		case len(names) == 0:
			return unknownModel(book, f.provider, args[0])
		case len(names) > 1:
			return f.usage(fmt.Errorf("%s: more than one provider has it; say --provider with one of %s", args[0], providersOf(names)))
		}
		call.Provider, call.Model, call.Start = names[0].Provider, names[0].Model, at.UnixNano()
		x := book.Explain(*call)
		if f.json {
			err = writeJSON(c.OutOrStdout(), x.Rows())
		} else {
			err = x.WriteText(c.OutOrStdout())
		}
		if err == nil && x.Call.Unpriced != "" {
			err = errors.New(x.Why())
		}
		return err
	}
	return c
}

// usageFlags adds a flag for every bucket and unit.
func usageFlags(c *cobra.Command, u *ledger.Usage) {
	for b, text := range map[ledger.Bucket][2]string{
		ledger.FreshInput: {"input", "input tokens, cached ones not counted"}, ledger.CacheRead: {"cache-read", "input tokens read from a cache"},
		ledger.CacheWrite5m: {"cache-write-5m", "tokens written to a cache of five minutes' or unstated life"},
		ledger.CacheWrite1h: {"cache-write-1h", "tokens written to a cache of one hour's life"},
		ledger.AudioInput:   {"audio-input", "audio input tokens"}, ledger.ImageInput: {"image-input", "image input tokens"},
		ledger.TextOutput: {"output", "output tokens, reasoning not counted"}, ledger.Reasoning: {"reasoning", "reasoning tokens"},
		ledger.AudioOutput: {"audio-output", "audio output tokens"},
	} {
		c.Flags().Int64Var(&u.Tokens[b], text[0], 0, text[1])
	}
	for unit, text := range map[ledger.Unit][2]string{
		ledger.UnitRequest: {"requests", "requests billed apart"}, ledger.UnitImage: {"images", "images made"},
		ledger.UnitMilli: {"milliseconds", "milliseconds of audio or video"}, ledger.UnitPage: {"pages", "document pages"},
		ledger.UnitSearch: {"searches", "searches billed apart"},
	} {
		c.Flags().Int64Var(&u.Units[unit], text[0], 0, text[1])
	}
}

func checkCounts(u *ledger.Usage) error {
	for i, n := range append(append([]int64{}, u.Tokens[:]...), u.Units[:]...) {
		if n < 0 {
			name := ""
			if i < ledger.NumBuckets {
				name = ledger.Bucket(i).String()
			} else {
				name = ledger.Unit(i - ledger.NumBuckets).String()
			}
			return fmt.Errorf("%s %d: a count can't be negative", name, n)
		}
	}
	if u.Zero() {
		return errors.New("no usage to price; say --input, --output or another count")
	}
	return nil
}

func newPricesLint() *cobra.Command {
	c := &cobra.Command{
		Use: "lint FILE…", Short: "Say everything that is wrong with price files, at once", Args: cobra.MinimumNArgs(1),
		Long: `Reads price files as the collector would, laid over the built-in prices in the order given, and lists all
faults (exit code 2) and notes: what can be read but may not be meant.`,
		Example: "  tollkeeper prices lint negotiated.yaml",
	}
	asJSON := c.Flags().Bool("json", false, "one JSON object per finding")
	c.RunE = func(c *cobra.Command, args []string) error {
		findings, err := pricing.Lint(args...)
		if err != nil {
			return err
		}
		faults := 0
		for _, f := range findings {
			if !f.Note {
				faults++
			}
			if !*asJSON {
				fmt.Fprintln(c.OutOrStdout(), f)
			}
		}
		if *asJSON {
			if err := writeJSON(c.OutOrStdout(), findings); err != nil {
				return err
			}
		} else {
			fmt.Fprintf(c.OutOrStdout(), "%d files, %d faults, %d notes\n", len(args), faults, len(findings)-faults)
		}
		if faults > 0 {
			return &usageError{c.CommandPath(), fmt.Errorf("%d faults in price files: a collector would refuse them", faults)}
		}
		return nil
	}
	return c
}

func unknownModel(book *pricing.Book, provider, model string) error {
	var near []string
	for _, r := range book.List(provider, model, time.Now()) {
		near = append(near, r.Provider+"/"+r.Model)
	}
	if len(near) > 10 {
		near = append(near[:10], "…")
	}
	if len(near) > 0 {
		return fmt.Errorf("no prices for %q; models with such a name: %s", model, strings.Join(near, ", "))
	}
	return fmt.Errorf("no prices for %q; see: tollkeeper prices list", model)
}

func providersOf(names []pricing.Name) string {
	var providers []string
	for _, n := range names {
		providers = append(providers, n.Provider)
	}
	return strings.Join(providers, ", ")
}

// writeJSON writes one object per line.
func writeJSON[T any](w io.Writer, rows []T) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, r := range rows {
		if err := enc.Encode(r); err != nil {
			return fmt.Errorf("write JSON: %w", err)
		}
	}
	return nil
}
