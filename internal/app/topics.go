package app

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tollkeeper/tollkeeper/internal/config"
	"github.com/tollkeeper/tollkeeper/internal/kafkaclient"
	"github.com/tollkeeper/tollkeeper/ledger"
)

// ApplyTopics creates the topics that don't exist on real brokers: acknowledged by all in-sync replicas, no compaction.
// It never changes or shrinks a topic that exists. It returns the names of those it created.
func ApplyTopics(ctx context.Context, servers kafkaclient.Servers, t config.Topics) ([]string, error) {
	opts, err := servers.Options()
	if err != nil {
		return nil, fmt.Errorf("apply topics: %w", err)
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("apply topics: %w", err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	settings := map[string]*string{
		"cleanup.policy":      kadm.StringPtr("delete"),
		"compression.type":    kadm.StringPtr("producer"),
		"max.message.bytes":   kadm.StringPtr(strconv.Itoa(9 << 20)),
		"min.insync.replicas": kadm.StringPtr(strconv.Itoa(t.MinInsync)),
		"retention.ms":        kadm.StringPtr(strconv.FormatInt(t.Retention.Milliseconds(), 10)),
	}
	var created []string
	for _, name := range []string{ledger.TopicCalls, ledger.TopicSpans, ledger.TopicDeadLetter} {
		_, err := admin.CreateTopic(ctx, int32(t.Partitions), int16(t.Replication), settings, name)
		switch {
		case errors.Is(err, kerr.TopicAlreadyExists):
		case err != nil:
			return created, fmt.Errorf("create topic %s at %v with %d replicas: %w", name, servers.Brokers, t.Replication, err)
		default:
			created = append(created, name)
		}
	}
	return created, nil
}
