package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/goccy/go-yaml"

	"github.com/tollkeeper/tollkeeper/ingest"
	"github.com/tollkeeper/tollkeeper/internal/config"
	"github.com/tollkeeper/tollkeeper/internal/kafkaclient"
	"github.com/tollkeeper/tollkeeper/schema"
)

// quiet is for servers whose complaints are what we make them complain about.
var quiet = log.New(io.Discard, "", 0)

// session is how long ingest's group waits for a member that says nothing.
const session = 6 * time.Second

// world is the product in processes, and the lines between them.
type world struct {
	dir       string
	processes map[string]*process
	links     map[string]*link // of a database user to the engine; kafka: everyone's to the broker
	witnesses map[string]*witness
	disks     map[string]*disk
	otlp      string // the collector's address
	brokers   []string
	engine    string // its URL, past all lines
	conn      driver.Conn
	inspector *ingest.Inspector
	command   config.Config // of commands that are run by hand, past all lines

	stop    context.CancelFunc
	running sync.WaitGroup
	failed  chan error
}

// newWorld starts everything below dir and waits until it works.
func newWorld(ctx context.Context, dir string) (*world, error) {
	w := &world{
		dir: dir, processes: map[string]*process{}, links: map[string]*link{}, witnesses: map[string]*witness{}, disks: map[string]*disk{},
		failed: make(chan error, len(allProcesses)),
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	w.stop = stop
	if err := w.build(ctx, run); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *world) build(ctx, run context.Context) error {
	for _, name := range []string{procKafka, procEngine} {
		d, err := newDisk(filepath.Join(w.dir, name))
		if err != nil {
			return err
		}
		w.disks[name] = d
	}
	configs, err := w.configs()
	if err != nil {
		return err
	}
	w.command = configs[procCollector]
	for _, name := range allProcesses {
		if err := w.add(name, configs[name]); err != nil {
			return err
		}
	}
	for _, name := range []string{procKafka, procEngine} {
		w.start(run, name)
	}
	if err := until(ctx, startLimit, func(ctx context.Context) error {
		_, err := schema.Apply(ctx, w.engine, config.Default().Schema)
		return err
	}); err != nil {
		return fmt.Errorf("the engine doesn't start: %w; see %s", err, w.processes[procEngine].log)
	}
	if w.conn, err = schema.Open(w.engine); err != nil {
		return err
	}
	if w.inspector, err = ingest.Inspect(kafkaclient.Servers{Brokers: w.brokers}, w.engine, ingest.DefaultConfig().Group); err != nil {
		return err
	}
	for _, name := range roles {
		w.start(run, name)
	}
	return nil
}

const startLimit = 2 * time.Minute

// configs makes a configuration for every process; each finds its servers at the end of its own line.
func (w *world) configs() (map[string]config.Config, error) {
	ports, err := freePorts(4 + len(databaseUsers))
	if err != nil {
		return nil, err
	}
	brokerPort, brokerLine, enginePort, otlp := ports[0], ports[1], ports[2], ports[3]
	w.otlp, w.brokers, w.engine = otlp, []string{brokerPort}, "http://"+enginePort+"/"+schema.DefaultDatabase
	lines := newLines()
	if w.links[procKafka], err = lines.open(procKafka, brokerLine, brokerPort); err != nil {
		return nil, err
	}
	for i, name := range databaseUsers {
		if w.witnesses[name], err = newWitness(enginePort); err != nil {
			return nil, err
		}
		if w.links[name], err = lines.open(name, ports[4+i], w.witnesses[name].address()); err != nil {
			return nil, err
		}
	}
	out := map[string]config.Config{}
	for _, name := range allProcesses {
		c := config.Default()
		c.HTTP.Listen = "127.0.0.1:0"
		c.Kafka.Embedded.Listen, c.Kafka.Embedded.Advertise, c.Kafka.Embedded.MinFree = brokerPort, brokerLine, 16<<20
		c.ClickHouse.Embedded.Listen = enginePort
		c.Kafka.Brokers = []string{brokerLine}
		c.ClickHouse.URL = w.engine
		if l := w.links[name]; l != nil && name != procKafka {
			c.ClickHouse.URL = "http://" + l.proxy.Listen + "/" + schema.DefaultDatabase
		}
		if d := w.disks[name]; d != nil {
			c.DataDir = d.data()
		}
		c.Collector.GRPC, c.Collector.HTTP = otlp, ""
		c.Ingest.Session, c.Ingest.Heartbeat, c.Ingest.RetryMax, c.Ingest.InsertTimeout = session, session/6, 2*time.Second, 5*time.Second
		c.Rollup.Minute, c.Rollup.Late = "@every 1s", "@every 1s"
		c.Rollup.Hour, c.Rollup.Day, c.Rollup.HourBy, c.Rollup.DayBy = "@every 1s", "@every 2s", "@every 2s", "@every 2s"
		out[name] = c
	}
	return out, nil
}

// freePorts finds ports that no connection takes while their process is dead, or their line cut: those that the kernel
// gives to connections begin at firstEphemeral.
func freePorts(n int) ([]string, error) {
	low := firstEphemeral()
	var out []string
	for tries := 0; len(out) < n; tries++ {
		port := low/2 + rand.IntN(low-low/2)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			if tries > 1000 {
				return nil, fmt.Errorf("find a free port: %w", err)
			}
			continue
		}
		defer l.Close()
		out = append(out, l.Addr().String())
	}
	return out, nil
}

// firstEphemeral is the first port that outgoing connections get, ip(7).
func firstEphemeral() int {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err == nil {
		if f := strings.Fields(string(text)); len(f) == 2 {
			if n, err := strconv.Atoi(f[0]); err == nil && n > 4096 {
				return n
			}
		}
	}
	return 32768
}

func (w *world) add(name string, cfg config.Config) error {
	text, err := yaml.MarshalWithOptions(cfg, yaml.IndentSequence(true))
	if err != nil {
		return fmt.Errorf("write configuration of %s: %w", name, err)
	}
	p := &process{name: name, config: filepath.Join(w.dir, name+".yaml"), log: filepath.Join(w.dir, name+".log")}
	w.processes[name] = p
	return os.WriteFile(p.config, text, 0o600)
}

func (w *world) start(ctx context.Context, name string) {
	p := w.processes[name]
	w.running.Go(func() {
		if err := p.run(ctx); err != nil {
			w.failed <- err
		}
	})
}

// heal lets everything live again: goes on what is paused, mended what is cut, empty what is full. What is dead is
// started again by itself.
func (w *world) heal(ctx context.Context) error {
	var errs []error
	for _, l := range w.links {
		for l.cutsUnderWay() > 0 {
			if err := l.mend(ctx); err != nil {
				errs = append(errs, err)
				break
			}
		}
	}
	for _, d := range w.disks {
		errs = append(errs, d.drain())
	}
	for _, p := range w.processes {
		p.signal(syscall.SIGCONT)
	}
	return errors.Join(errs...)
}

func (w *world) close() error {
	w.stop()
	w.running.Wait()
	for _, l := range w.links {
		l.close()
	}
	for _, x := range w.witnesses {
		x.close()
	}
	var errs []error
	if w.inspector != nil {
		errs = append(errs, w.inspector.Close())
	}
	if w.conn != nil {
		errs = append(errs, w.conn.Close())
	}
	for _, d := range w.disks {
		errs = append(errs, d.close())
	}
	return errors.Join(errs...)
}

// until tries again every 200 ms until it works, and returns the last error after the limit: what is tried asks the engine,
// which has other things to do meanwhile.
func until(ctx context.Context, limit time.Duration, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var last error
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return last
		case <-time.After(200 * time.Millisecond):
		}
	}
}
