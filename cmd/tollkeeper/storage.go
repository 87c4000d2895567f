package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/schema"
	"github.com/tollkeeper/tollkeeper/schema/storage"
)

func newStorage() *cobra.Command {
	c := &cobra.Command{Use: "storage", Short: "Where the ledger's bytes lie, and what they cost"}
	c.AddCommand(newStorageReport(), newStorageConfig())
	return c
}

func newStorageConfig() *cobra.Command {
	c := &cobra.Command{
		Use: "config", Short: "Print the storage configuration that a ClickHouse server needs for the tiers of clickhouse.tiers",
		Long: `Prints a file for the server's config.d: the disks of clickhouse.tiers and the storage policy "tollkeeper" over them.

Keys of S3 are not in it: the server reads them from its own environment, from the variables that the file names. The embedded
engine gets the same without this command.`,
		Example: "  tollkeeper storage config --config toll.yaml > /etc/clickhouse-server/config.d/storage.xml",
	}
	load := configFlag(c)
	base := c.Flags().String("base", "/var/lib/clickhouse/disks", "the server's directory for tiers without a place of their own")
	c.RunE = noArgsRun(func(_ context.Context, c *cobra.Command) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		text, err := cfg.ClickHouse.Tiers.ServerXML(*base)
		if err != nil {
			return err
		}
		_, err = c.OutOrStdout().Write([]byte(text))
		return err
	})
	return c
}

func newStorageReport() *cobra.Command {
	c := &cobra.Command{
		Use: "report", Short: "Bytes, rows, age and monthly cost per table and tier; exits 1 if something is not where retention wants it",
		Example: "  tollkeeper storage report\n  tollkeeper storage report --json",
	}
	load := configFlag(c)
	asJSON := c.Flags().Bool("json", false, "for machines")
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		target, err := schema.ParseURL(cfg.DatabaseURL())
		if err != nil {
			return err
		}
		conn, err := schema.Open(cfg.DatabaseURL())
		if err != nil {
			return err
		}
		defer conn.Close()
		r, err := storage.Read(c.Context(), conn, target.Database, cfg.Schema, cfg.Dashboards.StorageUSD, time.Now())
		if err != nil {
			return err
		}
		if *asJSON {
			err = json.NewEncoder(c.OutOrStdout()).Encode(r)
		} else {
			err = r.WriteText(c.OutOrStdout())
		}
		if err == nil && r.LogsOutgrow() {
			err = errors.New("the server's own logs are larger than the ledger, and some have no TTL: bound them (deploy/clickhouse/logs.xml)")
		}
		if err == nil && len(r.Late) > 0 {
			err = fmt.Errorf("%d kinds of parts are not where retention wants them: is the next tier full or unreachable, or was retention changed without `tollkeeper schema apply`?", len(r.Late))
		}
		return err
	}
	return c
}
