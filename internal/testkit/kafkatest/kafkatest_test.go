package kafkatest_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tollkeeper/tollkeeper/internal/testkit/kafkatest"
	"github.com/tollkeeper/tollkeeper/ledger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBroker(t *testing.T) {
	b := kafkatest.New(t)
	require.Equal(t, int64(0), b.Calls(t, 1, ledger.Call{Tenant: "a", Minute: 60}))
	require.Equal(t, int64(1), b.Produce(t, ledger.TopicCalls, 1, []byte("x"), []byte("y")))
	require.Len(t, b.Consume(t, ledger.TopicCalls, 3), 3)
	require.Equal(t, map[int32]int64{0: 0, 1: 3, 2: 0, 3: 0}, b.End(ledger.TopicCalls))

	b.Commit(t, "g", ledger.TopicCalls, map[int32]int64{1: 2})
	require.Equal(t, map[int32]int64{1: 2}, b.Committed("g", ledger.TopicCalls))

	id := b.Cluster.TopicInfo(ledger.TopicCalls).TopicID
	b.Recreate(t, ledger.TopicCalls, 2)
	require.NotEqual(t, id, b.Cluster.TopicInfo(ledger.TopicCalls).TopicID)
	require.Equal(t, map[int32]int64{0: 0, 1: 0}, b.End(ledger.TopicCalls))
	b.Calls(t, 0, ledger.Call{Tenant: "a", Minute: 60})
}
