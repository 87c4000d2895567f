package kafka

import (
	"encoding/binary"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// one is a member of group g that speaks as kafka-go does: it joins without a known id.
type one struct {
	t       *testing.T
	client  *kgo.Client
	session time.Duration
	id      string
	answer  *kmsg.JoinGroupResponse
}

func newOne(t *testing.T, s *Server, session time.Duration) *one {
	return &one{t: t, client: client(t, s.Brokers(), kgo.MaxVersions(kversion.V0_11_0())), session: session}
}

// join waits for the group.
func (o *one) join() error {
	req := kmsg.NewPtrJoinGroupRequest()
	req.Version, req.Group, req.MemberID, req.ProtocolType = 1, "g", o.id, "consumer"
	req.SessionTimeoutMillis, req.RebalanceTimeoutMillis = int32(o.session.Milliseconds()), 600_000
	p := kmsg.NewJoinGroupRequestProtocol()
	p.Name = "roundrobin"
	req.Protocols = append(req.Protocols, p)
	res, err := req.RequestWith(o.t.Context(), o.client)
	if err == nil {
		err = kerr.ErrorForCode(res.ErrorCode)
	}
	if err == nil {
		o.id, o.answer = res.MemberID, res
	}
	return err
}

func (o *one) joining() <-chan error {
	done := make(chan error, 1)
	go func() { done <- o.join() }()
	return done
}

func (o *one) sync() error {
	req := kmsg.NewPtrSyncGroupRequest()
	req.Group, req.MemberID, req.Generation = "g", o.id, o.answer.Generation
	res, err := req.RequestWith(o.t.Context(), o.client)
	if err == nil {
		err = kerr.ErrorForCode(res.ErrorCode)
	}
	return err
}

func (o *one) heartbeat() error {
	req := kmsg.NewPtrHeartbeatRequest()
	req.Group, req.MemberID, req.Generation = "g", o.id, o.answer.Generation
	res, err := req.RequestWith(o.t.Context(), o.client)
	require.NoError(o.t, err)
	return kerr.ErrorForCode(res.ErrorCode)
}

func stateOf(s *Server) string { return s.cluster.GroupInfo("g").State }

// A member that waits for the others may be silent for as long as they take: it gets its answer.
func TestAMemberThatWaitsForItsGroupKeepsItsSession(t *testing.T) {
	s := start(t, testConfig(t.TempDir()))
	slow, waits, late := newOne(t, s, time.Minute), newOne(t, s, 300*time.Millisecond), newOne(t, s, time.Minute)
	require.NoError(t, slow.join())
	require.NoError(t, slow.sync())
	answered := waits.joining() // makes the group of two
	require.Eventually(t, func() bool { return stateOf(s) == "PreparingRebalance" }, time.Minute, time.Millisecond)
	require.NoError(t, slow.join())
	require.NoError(t, <-answered)
	leader, other := slow, waits
	if waits.answer.LeaderID == waits.id {
		leader, other = waits, slow
	}
	require.NoError(t, leader.sync())
	require.NoError(t, other.sync())

	third := late.joining()
	require.Eventually(t, func() bool { return stateOf(s) == "PreparingRebalance" }, time.Minute, time.Millisecond)
	answered = waits.joining()
	for range 5 { // five of its sessions pass in looks, whatever the clock does
		looked := time.Now().Add(waits.session)
		require.Eventually(t, func() bool { return time.Now().After(looked) }, time.Minute, time.Millisecond)
		require.Len(t, s.cluster.GroupInfo("g").Members, 3, "who waits has been sent away, and is never answered")
	}
	require.NoError(t, slow.join())
	require.NoError(t, <-answered)
	require.NoError(t, <-third)
}

// The partitions of a killed member are free long before its session ends.
func TestAMemberWithoutAConnectionLeaves(t *testing.T) {
	s := start(t, testConfig(t.TempDir()))
	killed, next := newOne(t, s, 5*time.Minute), newOne(t, s, 5*time.Minute)
	require.NoError(t, killed.join())
	require.NoError(t, killed.sync())
	killed.client.Close() // says nothing to the group
	require.NoError(t, next.join())
	require.NoError(t, next.sync())
	require.Len(t, s.cluster.GroupInfo("g").Members, 1)
	require.NoError(t, next.heartbeat())
}

// So are those of one that died while it waited for its first answer and has no name yet.
func TestAMemberWithoutAConnectionAndANameLeaves(t *testing.T) {
	s := start(t, testConfig(t.TempDir()))
	stays, dies := newOne(t, s, 5*time.Minute), newOne(t, s, 5*time.Minute)
	require.NoError(t, stays.join())
	require.NoError(t, stays.sync())
	failed := dies.joining()
	require.Eventually(t, func() bool { return len(s.cluster.GroupInfo("g").Members) == 2 }, time.Minute, time.Millisecond)
	dies.client.Close()
	require.Error(t, <-failed)
	for { // it may be taken for one that has joined, and then it has to go as one that doesn't go on
		require.NoError(t, stays.join())
		require.NoError(t, stays.sync())
		if len(s.cluster.GroupInfo("g").Members) == 1 && stays.heartbeat() == nil {
			break
		}
		require.Eventually(t, func() bool { return stays.heartbeat() != nil }, time.Minute, time.Millisecond, "the dead one keeps its partitions")
	}
}

// A client that dials anew, as kafka-go does in each generation, stays a member.
func TestWhoSpeaksOnANewConnectionStays(t *testing.T) {
	m := newMembers(Config{CheckEvery: time.Second, Log: slog.New(slog.DiscardHandler)})
	group := map[string]*kfake.GroupInfo{"g": {State: "Stable", Members: []kfake.GroupMember{{MemberID: "a", ClientHost: "first"}}}}
	m.begun("first")
	m.heard(&kmsg.JoinGroupRequest{Group: "g", SessionTimeoutMillis: 60_000}, "first")
	m.ended("first")
	for range goneAfter - 1 {
		leaving, _ := m.judge(group)
		require.Empty(t, leaving)
	}
	m.begun("second")
	m.heard(&kmsg.JoinGroupRequest{Group: "g", MemberID: "a", SessionTimeoutMillis: 60_000}, "second")
	for range 10 {
		leaving, _ := m.judge(group)
		require.Empty(t, leaving)
	}
	m.ended("second")
	for range goneAfter - 1 {
		leaving, _ := m.judge(group)
		require.Empty(t, leaving)
	}
	leaving, _ := m.judge(group)
	require.Equal(t, []member{{"g", "a"}}, leaving)
}

// Requests are understood in whatever pieces they come, between others of any length.
func TestRequestsAreReadAlong(t *testing.T) {
	var stream []byte
	add := func(r kmsg.Request, client string) {
		body := kmsg.NewRequestFormatter(kmsg.FormatterClientID(client)).AppendRequest(nil, r, 1)
		require.Equal(t, len(body)-4, int(binary.BigEndian.Uint32(body)))
		stream = append(stream, body...)
	}
	long := kmsg.NewPtrJoinGroupRequest()
	long.Group, long.MemberID = "long", string(make([]byte, largestHeard))
	long.SetVersion(9)
	for i, version := range []int16{0, 4} {
		produce := kmsg.NewPtrMetadataRequest()
		for range 100 * (1 + i) {
			produce.Topics = append(produce.Topics, kmsg.NewMetadataRequestTopic())
		}
		add(produce, "x")
		beat := kmsg.NewPtrHeartbeatRequest()
		beat.Group, beat.MemberID = "g", string(rune('a'+i))
		beat.SetVersion(version)
		add(beat, "x")
		add(long, "x")
		beat.MemberID = "own"
		add(beat, ownClientID)
	}
	for piece := 1; piece < 12; piece++ {
		m := newMembers(Config{CheckEvery: time.Second})
		c := &connection{members: m, address: "here"}
		for at := 0; at < len(stream); at += piece {
			c.note(stream[at:min(at+piece, len(stream))])
		}
		require.Equal(t, map[member]voice{{"g", "a"}: {"here", false}, {"g", "b"}: {"here", false}}, m.voices, "pieces of %d", piece)
	}
}
