package kafka

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// members makes silent members leave their consumer groups. kfake does so itself, but starts a member's clock only with
// an answer that it could deliver: a client that dies while it waits for its group would keep its partitions for ever, and
// nobody would read them (found by make chaos, seed 4).
type members struct {
	cluster *kfake.Cluster
	client  *kgo.Client // of this broker
	every   time.Duration
	log     *slog.Logger

	mu       sync.Mutex
	sessions map[string]time.Duration // the longest session that a group's members asked for
	silent   map[member]int           // looks in a row at which a member had said nothing
}

type member struct{ group, id string }

// forgottenAfter looks beyond its session a member is one that kfake has forgotten. It counts looks and not time, so that
// a broker that was stopped for a while doesn't take its own silence for its clients'.
const forgottenAfter = 3

func newMembers(cfg Config, cluster *kfake.Cluster, client *kgo.Client) *members {
	m := &members{cluster: cluster, client: client, every: cfg.CheckEvery, log: cfg.Log, sessions: map[string]time.Duration{}, silent: map[member]int{}}
	for _, key := range []kmsg.Key{kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat, kmsg.OffsetCommit} {
		cluster.ControlKey(int16(key), func(r kmsg.Request) (kmsg.Response, error, bool) {
			cluster.KeepControl()
			m.heard(r)
			return nil, nil, false
		})
	}
	return m
}

// run looks until ctx ends.
func (m *members) run(ctx context.Context) {
	tick := time.NewTicker(m.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			m.look(ctx)
		}
	}
}

// heard takes note of a request of a member.
func (m *members) heard(r kmsg.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch r := r.(type) {
	case *kmsg.JoinGroupRequest:
		m.sessions[r.Group] = max(m.sessions[r.Group], time.Duration(r.SessionTimeoutMillis)*time.Millisecond)
		delete(m.silent, member{r.Group, r.MemberID})
	case *kmsg.SyncGroupRequest:
		delete(m.silent, member{r.Group, r.MemberID})
	case *kmsg.HeartbeatRequest:
		delete(m.silent, member{r.Group, r.MemberID})
	case *kmsg.OffsetCommitRequest:
		delete(m.silent, member{r.Group, r.MemberID})
	}
}

// look makes those leave that have been silent for too long. In a group that is rebalancing nobody has to speak.
func (m *members) look(ctx context.Context) {
	m.mu.Lock()
	sessions := make(map[string]time.Duration, len(m.sessions))
	for group, session := range m.sessions {
		sessions[group] = session
	}
	m.mu.Unlock()
	silent := map[member]int{}
	var forgotten []member
	for group, session := range sessions {
		info := m.cluster.GroupInfo(group)
		if info == nil || info.State != "Stable" {
			continue
		}
		m.mu.Lock()
		for _, one := range info.Members {
			who := member{group, one.MemberID}
			silent[who] = m.silent[who] + 1
			if silent[who] > int(session/m.every)+forgottenAfter {
				forgotten = append(forgotten, who)
			}
		}
		m.mu.Unlock()
	}
	m.mu.Lock()
	m.silent = silent
	m.mu.Unlock()
	for _, who := range forgotten {
		m.leave(ctx, who)
	}
}

func (m *members) leave(ctx context.Context, who member) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group, req.MemberID = who.group, who.id
	one := kmsg.NewLeaveGroupRequestMember()
	one.MemberID = who.id
	req.Members = append(req.Members, one)
	_, err := req.RequestWith(ctx, m.client)
	m.log.Warn("a member of a consumer group says nothing: it leaves", "group", who.group, "member", who.id, "error", err)
}
