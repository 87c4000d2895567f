package ingest

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
)

// balancer shares partitions out as the group's leader, and remembers how many of the topic's it knew of. kafka-go's own
// watch compares with what it finds when it starts: a partition that appears between the sharing and that start would never
// be read.
type balancer struct {
	kafka.RoundRobinGroupBalancer
	topic  string
	shared atomic.Int64 // partitions shared out and not watched yet; notLeader: none
	after  func()       // tests: the partitions have been counted
}

// notLeader says that another member shared the partitions out.
const notLeader = -1

func newBalancer(topic string, after func()) *balancer {
	b := &balancer{topic: topic, after: after}
	b.shared.Store(notLeader)
	return b
}

// AssignGroups is called in the leader only.
func (b *balancer) AssignGroups(members []kafka.GroupMember, partitions []kafka.Partition) kafka.GroupMemberAssignments {
	count := int64(0)
	for i := range partitions {
		if partitions[i].Topic == b.topic {
			count++
		}
	}
	b.shared.Store(count)
	if b.after != nil {
		b.after()
	}
	return b.RoundRobinGroupBalancer.AssignGroups(members, partitions)
}

// watchPartitions returns when the topic has another number of partitions than were shared out, or ctx ends. A topic that isn't
// there has none. While the brokers don't answer nothing is known; whether the member still belongs to the group is
// seen by its heartbeats.
func (s *stream) watchPartitions(ctx context.Context, shared int) {
	for pause(ctx, s.watchEvery()) {
		count, err := s.brokers.partitions(ctx, s.topic)
		if err != nil {
			s.log.Debug("can't count the partitions", "topic", s.topic, "error", err)
			continue
		}
		if count != shared {
			s.log.Info("the topic's partitions changed: they are shared out anew", "topic", s.topic, "partitions", count, "before", shared)
			return
		}
	}
}

func (s *stream) watchEvery() time.Duration { return 5 * s.cfg.Heartbeat }

// partitions is how many partitions a topic has: 0 if there is no such topic.
func (b *brokers) partitions(ctx context.Context, topic string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	d, err := b.describe(ctx, topic)
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return 0, nil
	}
	return len(d.Partitions), err
}
