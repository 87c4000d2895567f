package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// ErrInUse says that another broker owns the directory.
var ErrInUse = errors.New("in use by another broker")

// Server is a running broker.
type Server struct {
	cluster *kfake.Cluster
	address string
	guard   *guard
	own     *kgo.Client // of this broker itself
	members *members
	lock    *os.File
	stop    context.CancelFunc
	done    sync.WaitGroup
	once    sync.Once
}

// Start opens the directory, takes the port, creates or adapts the topics and serves until Close: ctx bounds the starting
// only, so that a broker outlives those who still drain into it. It fails if the configuration is wrong, the directory is
// in use (ErrInUse) or the port is.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("embedded kafka: %w", err)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{}
	if cfg.Dir != "" {
		lock, err := lockDir(cfg.Dir)
		if err != nil {
			return nil, fmt.Errorf("embedded kafka: %w", err)
		}
		s.lock = lock
	}
	if err := s.open(ctx, cfg); err != nil {
		s.release()
		return nil, fmt.Errorf("embedded kafka: %w", err)
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.done.Go(func() { s.guard.run(run) })
	s.done.Go(func() { s.members.run(run) })
	cfg.Log.Info("broker is up", "address", s.address, "dir", cfg.Dir, "partitions", cfg.Partitions)
	return s, nil
}

func (s *Server) open(ctx context.Context, cfg Config) error {
	listener, err := listen(cfg.Listen)
	if err != nil {
		return err
	}
	own := listener.Addr().String()
	s.address = own
	if cfg.Advertise != "" {
		s.address, listener = cfg.Advertise, advertised{listener, cfg.Advertise}
	}
	s.members = newMembers(cfg)
	listener = watched{listener, s.members}
	taken := false
	opts := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.ClusterID("tollkeeper"),
		kfake.GroupMinSessionTimeout(100 * time.Millisecond),
		kfake.WithLogger(brokerLog{cfg.Log}),
		kfake.ListenFn(func(string, string) (net.Listener, error) {
			if taken {
				return nil, errors.New("one broker listens on one address")
			}
			taken = true
			return listener, nil
		}),
	}
	if cfg.Dir != "" {
		opts = append(opts, kfake.DataDir(cfg.Dir), kfake.SyncWrites())
	}
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		_ = listener.Close()
		return fmt.Errorf("open data directory %s: %w", cfg.Dir, err)
	}
	s.cluster = cluster
	s.own, err = kgo.NewClient(kgo.SeedBrokers(own), kgo.ClientID(ownClientID), kgo.Dialer(func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, own) // wherever clients are told to dial
	}))
	if err != nil {
		return fmt.Errorf("connect to own broker: %w", err)
	}
	if err := ensureTopics(ctx, s.own, cfg.topics(), cfg.Log); err != nil {
		return err
	}
	s.members.cluster, s.members.client = cluster, s.own
	s.guard, err = newGuard(cfg, cluster)
	if err != nil {
		return err
	}
	s.guard.check()
	return nil
}

// advertised is a listener that says it is elsewhere: kfake tells clients what the listener says.
type advertised struct {
	net.Listener
	address string
}

// Addr is where clients are told to dial.
func (a advertised) Addr() net.Addr { return advertisedAddress(a.address) }

type advertisedAddress string

// Network implements net.Addr.
func (advertisedAddress) Network() string { return "tcp" }

// String implements net.Addr.
func (a advertisedAddress) String() string { return string(a) }

func listen(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("listen on %s: the port is in use by another program: stop it, or set another port (0 takes a free one)", address)
	case err != nil:
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return l, nil
}

// Brokers are the addresses that clients start from.
func (s *Server) Brokers() []string { return []string{s.address} }

// Refusing tells whether the free-space guard refuses records now, and why.
func (s *Server) Refusing() error { return s.guard.refusing() }

// Trouble is Refusing for senders, whom paths and sizes don't concern; empty while records are taken.
func (s *Server) Trouble() string {
	if s.guard.refusing() == nil {
		return ""
	}
	return "the disk of its embedded broker is nearly full; whoever runs it has to free space"
}

// Close stops serving, writes what is open, and frees the directory and the port. It may be called more than once.
func (s *Server) Close() {
	s.once.Do(func() {
		s.stop()
		s.done.Wait()
		s.release()
	})
}

func (s *Server) release() {
	if s.guard != nil {
		s.guard.close()
	}
	if s.own != nil {
		s.own.Close()
	}
	if s.cluster != nil {
		s.cluster.Close()
	}
	if s.lock != nil {
		_ = s.lock.Close()
	}
}

// brokerLog hands kfake's warnings (failed writes above all) to slog.
type brokerLog struct{ log *slog.Logger }

// Logf implements kfake.Logger.
func (b brokerLog) Logf(level kfake.LogLevel, format string, args ...any) {
	switch level {
	case kfake.LogLevelError:
		b.log.Error(fmt.Sprintf(format, args...))
	case kfake.LogLevelWarn:
		b.log.Warn(fmt.Sprintf(format, args...))
	}
}
