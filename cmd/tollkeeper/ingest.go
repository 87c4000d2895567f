package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/ingest"
)

// newIngest is the role; below it the commands that look at it from outside.
func newIngest() *cobra.Command {
	c := newRole("ingest")
	c.AddCommand(newIngestStatus(), newIngestRewind())
	return c
}

// inspectFlag is configFlag for commands that look at ingest.
func inspectFlag(c *cobra.Command) func() (*ingest.Inspector, error) {
	load := configFlag(c)
	return func() (*ingest.Inspector, error) {
		cfg, err := load()
		if err != nil {
			return nil, err
		}
		return ingest.Inspect(cfg.KafkaServers(), cfg.DatabaseURL(), cfg.Ingest.Group)
	}
}

func newIngestStatus() *cobra.Command {
	c := &cobra.Command{
		Use: "status", Short: "What is proved stored of each partition, what waits, what is lost; exits 1 on a loss that a start would find", Args: cobra.NoArgs,
		Example: "  tollkeeper ingest status\n  tollkeeper ingest status --json",
	}
	open := inspectFlag(c)
	asJSON := c.Flags().Bool("json", false, "one JSON object per partition")
	c.RunE = func(c *cobra.Command, _ []string) error {
		i, err := open()
		if err != nil {
			return err
		}
		defer i.Close()
		partitions, err := i.Status(c.Context())
		if err != nil {
			return err
		}
		out := c.OutOrStdout()
		if *asJSON {
			return writeJSON(out, partitions)
		}
		members, err := i.Members(c.Context())
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(w, "PARTITION\tLOG START\tLOG END\tCOMMITTED\tSTORED\tBEHIND\tLOST\tNEW LOGS\t  A START WOULD\t")
		var behind, lost, alarms int64
		for _, p := range partitions {
			fmt.Fprintf(w, "%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t  %s\t\n", p.Partition, p.LogStart, p.LogEnd, p.Committed, p.Stored, p.Behind, p.Lost, p.Epochs, p.Next)
			behind, lost = behind+p.Behind, lost+p.Lost
			if p.Alarm {
				alarms++
			}
		}
		if err := w.Flush(); err != nil {
			return err
		}
		fmt.Fprintf(out, "members: %d, records behind: %d, lost: %d\n", members, behind, lost)
		if alarms > 0 {
			return fmt.Errorf("%d partitions: the log is not what was stored from; the next start will write down what is lost", alarms)
		}
		return nil
	}
	return c
}

func newIngestRewind() *cobra.Command {
	c := &cobra.Command{
		Use: "rewind", Short: "Make the next start read calls again, while ingest is stopped", Args: cobra.NoArgs,
		Long: `Sets the group's committed offsets back. What is read again and is stored already changes nothing; what
the database lost is there again. It never skips a record.

Of "tollkeeper up" with the embedded broker: stop it, run "tollkeeper embedded kafka --data-dir DATA/kafka"
in its place, rewind, stop that, start it again.`,
		Example: "  tollkeeper ingest rewind --to-time 2026-11-24T00:00:00Z\n  tollkeeper ingest rewind --partition 3 --to-offset 0",
	}
	open := inspectFlag(c)
	partition := c.Flags().Int("partition", -1, "only this one (default: all)")
	offset := c.Flags().Int64("to-offset", 0, "the first offset to read again")
	at := c.Flags().String("to-time", "", "or the first record of this time (RFC 3339)")
	c.MarkFlagsMutuallyExclusive("to-offset", "to-time")
	c.MarkFlagsOneRequired("to-offset", "to-time")
	c.RunE = func(c *cobra.Command, _ []string) error {
		to := ingest.To{Offset: *offset}
		if *at != "" {
			var err error
			if to.At, err = time.Parse(time.RFC3339, *at); err != nil {
				return &usageError{c.CommandPath(), fmt.Errorf("--to-time %q is no time: use 2026-11-24T00:00:00Z", *at)}
			}
		}
		i, err := open()
		if err != nil {
			return err
		}
		defer i.Close()
		done, err := i.Rewind(c.Context(), *partition, to)
		if err != nil {
			return err
		}
		for _, r := range done {
			fmt.Fprintf(c.OutOrStdout(), "partition %d: from %d to %d\n", r.Partition, r.From, r.To)
		}
		if len(done) == 0 {
			fmt.Fprintln(c.OutOrStdout(), "nothing to do: no partition has committed more than that")
		}
		return nil
	}
	return c
}
