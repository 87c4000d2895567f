package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/schema"
	"github.com/tollkeeper/tollkeeper/schema/storage"
)

func newStorage() *cobra.Command {
	c := &cobra.Command{Use: "storage", Short: "Where the ledger's bytes lie, and what they cost"}
	c.AddCommand(newStorageReport())
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
		if err == nil && len(r.Late) > 0 {
			err = fmt.Errorf("%d kinds of parts are not where retention wants them: is the next tier full or unreachable, or was retention changed without `tollkeeper schema apply`?", len(r.Late))
		}
		return err
	}
	return c
}
