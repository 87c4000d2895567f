package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/ingest"
)

func newDeadLetter() *cobra.Command {
	c := &cobra.Command{Use: "deadletter", Short: "Records that could not be stored: list, show, replay"}
	c.AddCommand(newDeadLetterList(), newDeadLetterShow(), newDeadLetterReplay())
	return c
}

// lettersFlag is configFlag for commands that need the dead letters; the function gives all of them.
func lettersFlag(c *cobra.Command) func(do func(*ingest.DeadLetters, []ingest.Letter) error) error {
	load := configFlag(c)
	return func(do func(*ingest.DeadLetters, []ingest.Letter) error) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		d, err := ingest.OpenDeadLetters(cfg.KafkaServers(), cfg.Schema.Retention.ReportsKept())
		if err != nil {
			return err
		}
		defer d.Close()
		letters, err := d.List(c.Context())
		if err != nil {
			return err
		}
		return do(d, letters)
	}
}

func newDeadLetterList() *cobra.Command {
	c := &cobra.Command{
		Use: "list", Short: "All dead letters, oldest first", Args: cobra.NoArgs,
		Example: "  tollkeeper deadletter list\n  tollkeeper deadletter list --reason newer_version --json",
	}
	with := lettersFlag(c)
	reason := c.Flags().String("reason", "", "only those set aside for this reason")
	asJSON := c.Flags().Bool("json", false, "one JSON object per letter, its bytes in base64")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return with(func(_ *ingest.DeadLetters, all []ingest.Letter) error {
			letters := ofReason(all, *reason)
			if *asJSON {
				return writeJSON(c.OutOrStdout(), letters)
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "ID\tSET ASIDE\tFROM\tREASON\tBYTES\tREPLAYED\tERROR")
			for _, l := range letters {
				replayed := "no"
				if l.Replayed != nil {
					replayed = l.Replayed.UTC().Format(time.RFC3339)
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", l.ID, l.At.UTC().Format(time.RFC3339), place(&l), l.Reason, l.Bytes, replayed, l.Error)
			}
			if err := w.Flush(); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%d dead letters\n", len(letters))
			return nil
		})
	}
	return c
}

func ofReason(all []ingest.Letter, reason string) []ingest.Letter {
	out := []ingest.Letter{}
	for _, l := range all {
		if reason == "" || l.Reason == reason {
			out = append(out, l)
		}
	}
	return out
}

func place(l *ingest.Letter) string {
	text := fmt.Sprintf("%s/%d@%d", l.Topic, l.Partition, l.Offset)
	if l.Index >= 0 {
		text += fmt.Sprintf("#%d", l.Index)
	}
	return text
}

func byID(all []ingest.Letter, id string) (*ingest.Letter, error) {
	for i := range all {
		if all[i].ID == id {
			return &all[i], nil
		}
	}
	return nil, fmt.Errorf("no dead letter %s: `tollkeeper deadletter list` names them", id)
}

func newDeadLetterShow() *cobra.Command {
	c := &cobra.Command{
		Use: "show ID", Short: "One dead letter: where it came from, why, its bytes", Args: cobra.ExactArgs(1),
		Example: "  tollkeeper deadletter show 0/17\n  tollkeeper deadletter show 0/17 --raw > record.bin",
	}
	with := lettersFlag(c)
	raw := c.Flags().Bool("raw", false, "only the bytes")
	c.RunE = func(c *cobra.Command, args []string) error {
		return with(func(_ *ingest.DeadLetters, all []ingest.Letter) error {
			l, err := byID(all, args[0])
			if err != nil {
				return err
			}
			out := c.OutOrStdout()
			if *raw {
				_, err := out.Write(l.Value)
				return err
			}
			fmt.Fprintf(out, "id         %s\nset aside  %s\nfrom       %s (topic id %s)\nreason     %s\nerror      %s\n", l.ID, l.At.UTC().Format(time.RFC3339Nano), place(l), l.TopicID, l.Reason, l.Error)
			if why := l.Refuses(); why != nil {
				fmt.Fprintf(out, "replay     no: %v\n", why)
			} else {
				fmt.Fprintln(out, "replay     this version can read it")
			}
			fmt.Fprintf(out, "bytes      %d\n%s", l.Bytes, hex.Dump(l.Value))
			return nil
		})
	}
	return c
}

func newDeadLetterReplay() *cobra.Command {
	c := &cobra.Command{
		Use: "replay [ID…]", Short: "Send dead letters to the topic they came from, once what kept them out is fixed", Args: cobra.ArbitraryArgs,
		Long: `A letter that this version can't read either stays where it is and is named. A letter that was replayed
before is left out with --reason and --all, and sent again if its id is given; twice sent is stored once.`,
		Example: "  tollkeeper deadletter replay 0/17 0/18\n  tollkeeper deadletter replay --reason newer_version\n  tollkeeper deadletter replay --all",
	}
	with := lettersFlag(c)
	reason := c.Flags().String("reason", "", "all that were set aside for this reason")
	everything := c.Flags().Bool("all", false, "all")
	c.RunE = func(c *cobra.Command, args []string) error {
		if (len(args) > 0) == (*reason != "" || *everything) {
			return &usageError{c.CommandPath(), errors.New("say which: ids, or --reason, or --all")}
		}
		return with(func(d *ingest.DeadLetters, all []ingest.Letter) error {
			var chosen []*ingest.Letter
			for _, id := range args {
				l, err := byID(all, id)
				if err != nil {
					return err
				}
				chosen = append(chosen, l)
			}
			if len(args) == 0 {
				letters := ofReason(all, *reason)
				for i := range letters {
					if letters[i].Replayed == nil {
						chosen = append(chosen, &letters[i])
					}
				}
			}
			done, kept := 0, 0
			for _, l := range chosen {
				if why := l.Refuses(); why != nil {
					fmt.Fprintf(c.OutOrStdout(), "%s stays: %v\n", l.ID, why)
					kept++
					continue
				}
				if err := d.Replay(c.Context(), l); err != nil {
					return err
				}
				done++
			}
			fmt.Fprintf(c.OutOrStdout(), "%d replayed, %d stay\n", done, kept)
			if kept > 0 {
				return fmt.Errorf("%d dead letters can't be replayed by this version", kept)
			}
			return nil
		})
	}
	return c
}
