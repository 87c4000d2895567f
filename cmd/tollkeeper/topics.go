package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/internal/app"
)

func newTopics() *cobra.Command {
	c := &cobra.Command{Use: "topics", Short: "The Kafka topics on your own brokers"}
	apply := &cobra.Command{
		Use:     "apply",
		Short:   "Create the topics that do not exist yet (kafka.topics in the configuration)",
		Example: "  TOLLKEEPER_KAFKA_BROKERS=kafka-1:9092,kafka-2:9092 tollkeeper topics apply",
	}
	load := configFlag(apply)
	apply.RunE = noArgsRun(func(ctx context.Context, c *cobra.Command) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		if len(cfg.Kafka.Brokers) == 0 {
			return &usageError{c.CommandPath(), fmt.Errorf("no brokers: set kafka.brokers or TOLLKEEPER_KAFKA_BROKERS")}
		}
		created, err := app.ApplyTopics(ctx, cfg.KafkaServers(), cfg.Kafka.Topics)
		for _, name := range created {
			fmt.Fprintln(c.OutOrStdout(), "created", name)
		}
		if err == nil {
			fmt.Fprintln(c.OutOrStdout(), "the topics exist")
		}
		return err
	})
	c.AddCommand(apply)
	return c
}
