package apachekafka

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tollkeeper/tollkeeper/internal/kafkaclient"
)

// limit bounds every wait: a Java process on a busy machine may take long to start.
const limit = 8 * time.Minute

// Cluster is a running cluster of one test.
type Cluster struct {
	Brokers []string            // host:port of every broker, whether it runs or not
	Servers kafkaclient.Servers // these, and what they ask of clients
	nodes   []*node
	client  *kgo.Client
	admin   *kadm.Client
}

// node is one broker.
type node struct {
	id      int
	dir     string
	command *exec.Cmd // nil while it doesn't run
	exited  chan struct{}
}

// Start runs n brokers until the test ends and returns when all of them answer.
func Start(t testing.TB, n int) *Cluster {
	t.Helper()
	return start(t, n, nil)
}

func start(t testing.TB, n int, s *secured) *Cluster {
	t.Helper()
	jars, err := classpath()
	if err != nil {
		t.Fatal(err)
	}
	var id [16]byte
	_, _ = rand.Read(id[:])
	id[0] &= 0x7f // begins with a letter: with a - it would be taken for an option
	cluster := base64.RawURLEncoding.EncodeToString(id[:])
	c := &Cluster{}
	ports := freePorts(t, 3*n)
	controllers := make([]string, n)
	for i := range n {
		c.Brokers = append(c.Brokers, fmt.Sprintf("127.0.0.1:%d", ports[i+s.offset(n)]))
		controllers[i] = fmt.Sprintf("%d@127.0.0.1:%d", i+1, ports[n+i])
	}
	for i := range n {
		node := &node{id: i + 1, dir: t.TempDir()}
		text := settings(node, n, ports[i], ports[n+i], strings.Join(controllers, ","), s.settings(ports[2*n+i]))
		if err := os.WriteFile(node.conf(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		format := append([]string{"-XX:TieredStopAtLevel=1", "-cp", jars, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", node.conf()}, s.format()...)
		out, err := exec.Command("java", format...).CombinedOutput()
		if err != nil {
			t.Fatalf("format the folder of broker %d: %v\n%s", node.id, err, out)
		}
		c.nodes = append(c.nodes, node)
	}
	t.Cleanup(func() { c.stop(t) })
	for i := range n {
		c.Restart(t, i+1)
	}
	c.Servers = kafkaclient.Servers{Brokers: c.Brokers, Security: s.asked()}
	c.connect(t)
	return c
}

func (n *node) conf() string { return filepath.Join(n.dir, "server.properties") }

// settings is a server.properties. What isn't about addresses and replicas makes it start and elect quickly.
func settings(n *node, brokers, port, controller int, voters string, secured securedSettings) string {
	replicas, insync := min(3, brokers), min(2, brokers)
	return fmt.Sprintf(`process.roles=broker,controller
node.id=%d
controller.quorum.voters=%s
listeners=PLAINTEXT://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d%s
advertised.listeners=PLAINTEXT://127.0.0.1:%d%s
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL
log.dirs=%s
auto.create.topics.enable=false
offsets.topic.num.partitions=3
offsets.topic.replication.factor=%d
transaction.state.log.replication.factor=%d
transaction.state.log.min.isr=%d
share.coordinator.state.topic.replication.factor=%d
share.coordinator.state.topic.min.isr=%d
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=500
broker.session.timeout.ms=9000
broker.heartbeat.interval.ms=500
num.network.threads=2
num.io.threads=2
log.cleaner.dedupe.buffer.size=8388608
%s`, n.id, voters, port, controller, secured.listener, port, secured.listener, filepath.Join(n.dir, "log"), replicas, replicas, insync, replicas, insync, secured.lines)
}

// Restart starts a broker that isn't running. Brokers count from 1.
func (c *Cluster) Restart(t testing.TB, id int) {
	t.Helper()
	jars, err := classpath()
	if err != nil {
		t.Fatal(err)
	}
	n := c.nodes[id-1]
	log, err := os.OpenFile(filepath.Join(n.dir, "out"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	command := exec.Command("java", "-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
		"-cp", jars, "kafka.Kafka", n.conf())
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		t.Fatalf("start broker %d: %v", id, err)
	}
	exited := make(chan struct{})
	go func() { _ = command.Wait(); close(exited) }()
	n.command, n.exited = command, exited
}

// Kill ends a broker as a crash does.
func (c *Cluster) Kill(t testing.TB, id int) {
	t.Helper()
	n := c.nodes[id-1]
	if n.command == nil {
		return
	}
	_ = n.command.Process.Kill() // an error: it has ended by itself
	select {
	case <-n.exited:
	case <-time.After(limit):
		t.Errorf("broker %d is still there %s after it was killed", id, limit)
	}
	n.command = nil
}

func (c *Cluster) stop(t testing.TB) {
	if c.client != nil {
		c.client.Close()
	}
	for _, n := range c.nodes {
		c.Kill(t, n.id)
		if t.Failed() {
			out, _ := os.ReadFile(filepath.Join(n.dir, "out"))
			t.Logf("last words of broker %d:\n%s", n.id, out[max(0, len(out)-4000):])
		}
	}
}

// connect waits until every broker is registered and the cluster has a controller.
func (c *Cluster) connect(t testing.TB) {
	t.Helper()
	opts, err := c.Servers.Options()
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(append(opts, kgo.MetadataMinAge(100*time.Millisecond))...)
	if err != nil {
		t.Fatalf("connect to %v: %v", c.Brokers, err)
	}
	c.client, c.admin = client, kadm.NewClient(client)
	c.await(t, fmt.Sprintf("%d brokers", len(c.nodes)), func(ctx context.Context) (bool, error) {
		for _, n := range c.nodes {
			select {
			case <-n.exited:
				out, _ := os.ReadFile(filepath.Join(n.dir, "out"))
				t.Fatalf("broker %d ended at its start:\n%s", n.id, bytes.TrimSpace(out))
			default:
			}
		}
		m, err := c.admin.BrokerMetadata(ctx)
		if err == nil && (len(m.Brokers) != len(c.nodes) || m.Controller < 0) {
			err = fmt.Errorf("%d are registered, the controller is %d", len(m.Brokers), m.Controller)
		}
		return true, err
	})
}

// Leader is the broker that leads a partition.
func (c *Cluster) Leader(t testing.TB, topic string, partition int32) (id int) {
	t.Helper()
	c.await(t, fmt.Sprintf("a leader of %s/%d", topic, partition), func(ctx context.Context) (bool, error) {
		details, err := c.admin.ListTopics(ctx, topic)
		if err != nil {
			return false, err
		}
		p, ok := details[topic].Partitions[partition]
		id = int(p.Leader)
		return ok && p.Err == nil && id > 0, p.Err
	})
	return id
}

// Whole waits until every replica of a topic is in sync again.
func (c *Cluster) Whole(t testing.TB, topic string) {
	t.Helper()
	c.await(t, "in-sync replicas of "+topic, func(ctx context.Context) (bool, error) {
		details, err := c.admin.ListTopics(ctx, topic)
		if err != nil {
			return false, err
		}
		for _, p := range details[topic].Partitions {
			if len(p.ISR) < len(p.Replicas) {
				return false, p.Err
			}
		}
		return true, details[topic].Err
	})
}

// await asks until the answer is yes.
func (c *Cluster) await(t testing.TB, what string, ok func(context.Context) (bool, error)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for {
		one, done := context.WithTimeout(ctx, 5*time.Second)
		yes, err := ok(one)
		done()
		if yes && err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("no %s within %s: %v", what, limit, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func freePorts(t testing.TB, n int) []int {
	t.Helper()
	ports := make([]int, n)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // all at once at the end, so that no two are the same
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports
}
