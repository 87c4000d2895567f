package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/internal/embedded/clickhouse"
	"github.com/tollkeeper/tollkeeper/internal/embedded/kafka"
	"github.com/tollkeeper/tollkeeper/schema"
)

func newEmbedded() *cobra.Command {
	c := &cobra.Command{Use: "embedded", Short: "Run only an embedded server: kafka or clickhouse"}
	c.AddCommand(newEmbeddedKafka(), newEmbeddedClickHouse())
	return c
}

func newEmbeddedKafka() *cobra.Command {
	c := &cobra.Command{Use: "kafka", Short: "A Kafka-protocol broker with the product's topics",
		Example: "  tollkeeper embedded kafka --data-dir /var/lib/toll-kafka --listen 127.0.0.1:9092"}
	load := configFlag(c)
	dir := c.Flags().String("data-dir", "", "where the broker keeps its data (empty: in memory, gone at the end)")
	listen := c.Flags().String("listen", "127.0.0.1:9092", "host:port; port 0 takes a free one")
	c.RunE = noArgsRun(func(ctx context.Context, c *cobra.Command) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		k := cfg.Kafka.Embedded
		k.Dir, k.Listen, k.Log = *dir, *listen, logger(cfg)
		server, err := kafka.Start(ctx, k)
		if err != nil {
			return err
		}
		defer server.Close()
		fmt.Fprintln(c.OutOrStdout(), server.Brokers()[0])
		<-ctx.Done()
		return nil
	})
	return c
}

func newEmbeddedClickHouse() *cobra.Command {
	c := &cobra.Command{Use: "clickhouse", Short: "The ClickHouse engine behind ClickHouse's HTTP interface",
		Example: "  tollkeeper embedded clickhouse --data-dir /var/lib/toll-clickhouse --listen 127.0.0.1:8123"}
	load := configFlag(c)
	dir := c.Flags().String("data-dir", "", "where the engine keeps its data")
	listen := c.Flags().String("listen", "127.0.0.1:8123", "host:port; port 0 takes a free one")
	_ = c.MarkFlagRequired("data-dir")
	c.RunE = noArgsRun(func(ctx context.Context, c *cobra.Command) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		engine := cfg.ClickHouse.Embedded
		engine.Dir, engine.Listen, engine.Log = *dir, *listen, logger(cfg)
		server, err := clickhouse.Start(ctx, engine)
		if err != nil {
			return err
		}
		fmt.Fprintln(c.OutOrStdout(), server.URL(schema.DefaultDatabase))
		select {
		case <-ctx.Done():
		case <-server.Done():
			return fmt.Errorf("the engine gave up; see the log above")
		}
		return server.Close(context.WithoutCancel(ctx))
	})
	return c
}
