package kafka

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// members looks after the members of consumer groups where kfake doesn't do as Kafka does.
//
// kfake starts a member's clock only with an answer that it could deliver: a client that dies while it waits for its
// group would keep its partitions for ever (found by make chaos, seed 4). And it lets the clock of a member run out that
// waits for the others, and never answers it: such a client hangs until its own deadline (seed 1008).
//
// A member whose connection has ended, as that of a killed process does, leaves after a few looks, unless it speaks again on
// another. Kafka waits for its session to end; here its successor has the partitions within seconds.
type members struct {
	cluster *kfake.Cluster
	client  *kgo.Client // of this broker
	every   time.Duration
	log     *slog.Logger

	mu     sync.Mutex
	groups map[string]bool  // that somebody has joined
	voices map[member]voice // of who has spoken
	open   map[string]bool  // connections, by the client's address
	gone   map[member]int   // looks in a row at which a member had no connection
}

type member struct{ group, id string }

// voice is where a member was heard last, and whether it has waited for its group since.
type voice struct {
	address string
	waits   bool
}

// ownClientID is this broker's own client's.
const ownClientID = "tollkeeper-broker"

// goneAfter looks without a connection a member has gone; a client that dials anew needs less. It counts looks and not
// time, so that a broker that was stopped for a while doesn't take its own silence for its clients'.
const goneAfter = 3

func newMembers(cfg Config) *members {
	return &members{
		every: cfg.CheckEvery, log: cfg.Log,
		groups: map[string]bool{}, voices: map[member]voice{}, open: map[string]bool{}, gone: map[member]int{},
	}
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

// heard takes note of a request of a member, and of the client's address.
func (m *members) heard(r kmsg.Request, address string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch r := r.(type) {
	case *kmsg.JoinGroupRequest:
		m.groups[r.Group] = true
		m.speaks(member{r.Group, r.MemberID}, voice{address, true})
	case *kmsg.SyncGroupRequest:
		m.speaks(member{r.Group, r.MemberID}, voice{address, true})
	case *kmsg.HeartbeatRequest:
		m.speaks(member{r.Group, r.MemberID}, voice{address, false})
	case *kmsg.OffsetCommitRequest:
		m.speaks(member{r.Group, r.MemberID}, voice{address, false})
	}
}

func (m *members) speaks(who member, v voice) {
	if who.id == "" { // it has no name yet; the group knows its address
		return
	}
	m.voices[who] = v
	delete(m.gone, who)
}

// begun takes note of a connection.
func (m *members) begun(address string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open[address] = true
}

// ended takes note of the end of a connection.
func (m *members) ended(address string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.open, address)
}

// look makes those leave that have no connection, and speaks for those that wait.
func (m *members) look(ctx context.Context) {
	m.mu.Lock()
	groups := slices.Collect(maps.Keys(m.groups))
	m.mu.Unlock()
	infos := map[string]*kfake.GroupInfo{}
	for _, group := range groups {
		if info := m.cluster.GroupInfo(group); info != nil {
			infos[group] = info
		}
	}
	leaving, waiting := m.judge(infos)
	for _, who := range leaving {
		m.leave(ctx, who)
	}
	for _, who := range waiting {
		m.speakFor(ctx, who, infos[who.group].Epoch)
	}
}

// judge tells from the groups which members have to leave, and which wait for the rest of their group.
func (m *members) judge(infos map[string]*kfake.GroupInfo) (leaving, waiting []member) {
	m.mu.Lock()
	defer m.mu.Unlock()
	gone, voices := map[member]int{}, map[member]voice{}
	for group, info := range infos {
		for _, one := range info.Members {
			who := member{group, one.MemberID}
			v, spoke := m.voices[who]
			if spoke {
				voices[who] = v
			} else {
				v.address = one.ClientHost
			}
			switch {
			case !m.open[v.address]:
				if gone[who] = m.gone[who] + 1; gone[who] >= goneAfter {
					leaving = append(leaving, who)
				}
			case v.waits && info.State != "Stable":
				waiting = append(waiting, who)
			}
		}
	}
	m.gone, m.voices = gone, voices // who is in no group is forgotten
	return leaving, waiting
}

// speakFor keeps a waiting member's session.
func (m *members) speakFor(ctx context.Context, who member, generation int32) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req := kmsg.NewPtrHeartbeatRequest()
	req.Group, req.MemberID, req.Generation = who.group, who.id, generation
	_, _ = req.RequestWith(ctx, m.client) // refused if the group has gone on meanwhile
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
	m.log.Warn("a member of a consumer group has no connection any more: it leaves", "group", who.group, "member", who.id, "error", err)
}
