package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// ensureTopics creates what is missing, adds partitions where more are wanted, and sets the settings that differ.
func ensureTopics(ctx context.Context, client *kgo.Client, topics []topic, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	admin := kadm.NewClient(client)
	names := make([]string, len(topics))
	for i, t := range topics {
		names[i] = t.name
	}
	have, err := admin.ListTopics(ctx, names...)
	if err != nil {
		return fmt.Errorf("list topics: %w", err)
	}
	for _, t := range topics {
		detail, ok := have[t.name]
		if !ok || detail.Err != nil {
			if err := createTopic(ctx, admin, t); err != nil {
				return err
			}
			continue
		}
		if err := adaptTopic(ctx, admin, t, len(detail.Partitions), log); err != nil {
			return err
		}
	}
	return nil
}

func createTopic(ctx context.Context, admin *kadm.Client, t topic) error {
	settings := make(map[string]*string, len(t.settings))
	for k, v := range t.settings {
		settings[k] = kadm.StringPtr(v)
	}
	if _, err := admin.CreateTopic(ctx, int32(t.partitions), 1, settings, t.name); err != nil {
		return fmt.Errorf("create topic %s: %w", t.name, err)
	}
	return nil
}

func adaptTopic(ctx context.Context, admin *kadm.Client, t topic, partitions int, log *slog.Logger) error {
	switch {
	case partitions < t.partitions:
		done, err := admin.UpdatePartitions(ctx, t.partitions, t.name)
		if err == nil {
			err = done.Error()
		}
		if err != nil {
			return fmt.Errorf("grow topic %s from %d to %d partitions: %w", t.name, partitions, t.partitions, err)
		}
	case partitions > t.partitions:
		log.Warn("a topic keeps its partitions: they can't be fewer than before",
			"topic", t.name, "has", partitions, "configured", t.partitions)
	}
	var alter []kadm.AlterConfig
	for k, v := range t.settings {
		alter = append(alter, kadm.AlterConfig{Op: kadm.SetConfig, Name: k, Value: kadm.StringPtr(v)})
	}
	done, err := admin.AlterTopicConfigs(ctx, alter, t.name)
	if err != nil {
		return fmt.Errorf("set topic %s: %w", t.name, err)
	}
	for _, d := range done {
		if d.Err != nil {
			return fmt.Errorf("set topic %s: %w", t.name, d.Err)
		}
	}
	return nil
}
