package collector

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tollkeeper/tollkeeper/internal/kafkaclient"
)

// broker asks Kafka whether the topics are there; it produces nothing.
type broker struct {
	servers      kafkaclient.Servers
	calls, spans string
	mu           sync.Mutex
	client       *kgo.Client
}

func newBroker(cfg Config) *broker {
	return &broker{servers: kafkaclient.Servers{Brokers: cfg.Brokers, Security: cfg.Security}, calls: cfg.CallsTopic, spans: cfg.SpansTopic}
}

func (b *broker) open() error {
	opts, err := b.servers.Options()
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(append(opts, kgo.ClientID("tollkeeper-collector-ready"),
		kgo.DialTimeout(2*time.Second), kgo.RequestRetries(0), kgo.RetryTimeout(3*time.Second))...)
	if err != nil {
		return fmt.Errorf("make the Kafka client for %v: %w", b.servers.Brokers, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.client = client
	return nil
}

func (b *broker) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.client != nil {
		b.client.Close()
		b.client = nil
	}
}

func (b *broker) admin() (*kadm.Client, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.client == nil {
		return nil, errClosed
	}
	return kadm.NewClient(b.client), nil
}

// ready is nil when a broker answers and the calls topic exists.
func (b *broker) ready(ctx context.Context) error {
	_, err := b.topic(ctx, b.calls)
	return err
}

// topic describes one topic.
func (b *broker) topic(ctx context.Context, name string) (kadm.TopicDetail, error) {
	admin, err := b.admin()
	if err != nil {
		return kadm.TopicDetail{}, err
	}
	topics, err := admin.ListTopics(ctx, name)
	if err != nil {
		return kadm.TopicDetail{}, fmt.Errorf("no answer from Kafka at %v: %w", b.servers.Brokers, err)
	}
	t, ok := topics[name]
	if !ok {
		t.Err = kerr.UnknownTopicOrPartition
	}
	if t.Err != nil {
		return t, fmt.Errorf("topic %s in Kafka: %w; create it with `tollkeeper topics apply` (it is never created by writing to it)", name, t.Err)
	}
	return t, nil
}

// watch logs once when Kafka is reached, and what is risky about the topics: fewer than 3 replicas, or fewer than 2 in
// sync for a write, when there is more than one broker.
func (b *broker) watch(ctx context.Context, log *slog.Logger) {
	wait := backoff.NewExponentialBackOff()
	wait.MaxInterval = 30 * time.Second
	for {
		err := b.inspect(ctx, log)
		if err == nil || ctx.Err() != nil {
			return
		}
		log.Warn("collector waits for Kafka; clients are told to send again", "error", err)
		timer := time.NewTimer(wait.NextBackOff())
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

func (b *broker) inspect(ctx context.Context, log *slog.Logger) error {
	for _, name := range []string{b.calls, b.spans} {
		t, err := b.topic(ctx, name)
		if err != nil {
			return err
		}
		replicas := t.Partitions.NumReplicas()
		log.Info("Kafka topic found", "topic", name, "partitions", len(t.Partitions), "replicas", replicas)
		if name == b.calls {
			b.warnDurability(ctx, log, replicas)
		}
	}
	return nil
}

func (b *broker) warnDurability(ctx context.Context, log *slog.Logger, replicas int) {
	admin, err := b.admin()
	if err != nil {
		return
	}
	brokers, err := admin.ListBrokers(ctx)
	if err != nil || len(brokers) < 2 {
		return // one machine: its disk is all there is
	}
	inSync := 0
	if configs, err := admin.DescribeTopicConfigs(ctx, b.calls); err == nil {
		for _, rc := range configs {
			for _, c := range rc.Configs {
				if c.Key == "min.insync.replicas" {
					inSync, _ = strconv.Atoi(c.MaybeValue())
				}
			}
		}
	}
	if replicas < 3 || inSync < 2 {
		log.Warn("acknowledged calls can be lost with one broker: the calls topic needs 3 replicas and min.insync.replicas 2",
			"topic", b.calls, "replicas", replicas, "min.insync.replicas", inSync)
	}
}
