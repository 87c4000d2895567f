package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/pricing"
	"github.com/tollkeeper/tollkeeper/pricing/foreign"
)

func newPricesImport() *cobra.Command {
	c := &cobra.Command{
		Use: "import FILE", Short: "Convert LiteLLM's or genai-prices' price file to ours", Args: cobra.ExactArgs(1),
		Long: `Reads model_prices_and_context_window.json of LiteLLM or data.json of genai-prices and writes price files for
price_files: one provider's to standard output, or with --out one file per provider. What can't be said exactly isn't
written: a model with such a price is refused whole, and standard error lists it with the reason, then how many there
are for each reason, and which providers no call would name so. Say with --as what
calls name the provider; without it it keeps the catalogue's name.`,
		Example: `  tollkeeper prices import model_prices_and_context_window.json --provider groq > groq.yaml
  tollkeeper prices import data.json --provider x-ai --as x_ai --checked 2026-11-25 > xai.yaml
  tollkeeper prices import data.json --out prices/ --json 2> left-out.jsonl`,
	}
	o := foreign.Options{}
	c.Flags().StringVar(&o.Provider, "provider", "", "only this provider, by the catalogue's name of it")
	c.Flags().StringVar(&o.As, "as", "", "the provider's name on calls (OpenTelemetry's); with --provider")
	c.Flags().StringVar(&o.Checked, "checked", time.Now().UTC().Format(time.DateOnly), "the day on which the catalogue was read")
	out := c.Flags().String("out", "", "folder for one file per provider")
	asJSON := c.Flags().Bool("json", false, "what was left out as one JSON object per line")
	c.RunE = func(c *cobra.Command, args []string) error {
		if o.As != "" && o.Provider == "" {
			return &usageError{c.CommandPath(), errors.New("--as without --provider: every provider would get that name")}
		}
		if _, err := time.Parse(time.DateOnly, o.Checked); err != nil {
			return &usageError{c.CommandPath(), fmt.Errorf("--checked %q: want a day, 2026-01-31", o.Checked)}
		}
		f, err := os.Open(args[0])
		if err != nil {
			return &usageError{c.CommandPath(), err}
		}
		defer f.Close()
		o.Via = filepath.Base(args[0]) // where it lay says nothing to those who read the prices
		r, err := foreign.Import(f, o)
		if err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		if *asJSON {
			err = writeJSON(c.ErrOrStderr(), r.Left)
		} else {
			var prices *pricing.Watch
			if prices, err = pricing.NewWatch(); err == nil {
				err = r.WriteLeft(c.ErrOrStderr(), prices.Book().Accepts)
			}
		}
		if err != nil {
			return err
		}
		if *out != "" {
			return r.WriteFiles(*out)
		}
		return r.WriteOne(c.OutOrStdout())
	}
	return c
}
