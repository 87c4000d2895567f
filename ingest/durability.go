package ingest

import (
	"context"
	"fmt"
	"strconv"
)

// Of a topic that holds money, outside one machine (DESIGN §3).
const (
	wantReplicas = 3
	wantInsync   = 2
)

// weakTopics says what is wrong with the durability of topics. With a single broker there is nothing to say.
func (b *brokers) weakTopics(ctx context.Context, topics ...string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	all, err := b.admin.ListBrokers(ctx)
	if err != nil {
		return nil, fmt.Errorf("list brokers: %w", err)
	}
	if len(all) < 2 {
		return nil, nil
	}
	details, err := b.admin.ListTopics(ctx, topics...)
	if err != nil {
		return nil, fmt.Errorf("describe topics: %w", err)
	}
	settings, err := b.admin.DescribeTopicConfigs(ctx, topics...)
	if err != nil {
		return nil, fmt.Errorf("describe settings of topics: %w", err)
	}
	var out []string
	for _, topic := range topics {
		if n := details[topic].Partitions.NumReplicas(); n < wantReplicas {
			out = append(out, fmt.Sprintf("topic %s has %d replicas on %d brokers: want %d", topic, n, len(all), wantReplicas))
		}
		s, err := settings.On(topic, nil)
		if err != nil {
			return nil, fmt.Errorf("describe settings of topic %s: %w", topic, err)
		}
		for _, c := range s.Configs {
			if c.Key != "min.insync.replicas" {
				continue
			}
			if n, err := strconv.Atoi(c.MaybeValue()); err == nil && n < wantInsync {
				out = append(out, fmt.Sprintf("topic %s has min.insync.replicas=%d: want %d, or a record acknowledged by one broker dies with it", topic, n, wantInsync))
			}
		}
	}
	return out, nil
}
