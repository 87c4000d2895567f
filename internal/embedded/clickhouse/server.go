package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Server is a running engine: the supervisor of its child process.
type Server struct {
	cfg      Config
	spec     childSpec
	lock     *os.File
	listener *net.TCPListener
	log      *slog.Logger

	stop context.CancelFunc
	done chan struct{}

	renewed map[string]time.Time // when a child ended because of which broken part; of supervise alone

	mu      sync.Mutex
	pid     int
	version string
}

// renewEvery is the least time between two starts because of one broken part, and in which at most mostRenewals parts are
// worth a start.
const (
	renewEvery   = 5 * time.Minute
	mostRenewals = 20
)

// ErrDirInUse is returned when another engine holds the directory.
var ErrDirInUse = errors.New("engine directory is in use")

// Start locks cfg.Dir, opens the port and starts the engine; it returns when statements are answered. The engine runs
// until Close, or until ctx ends; a child that dies is started again.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("engine configuration: %w", err)
	}
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := checkFiles(cfg.Log); err != nil {
		return nil, err
	}
	if cfg.Library == "" {
		if cfg.Library, err = FindLibrary(); err != nil {
			return nil, err
		}
	}
	s := &Server{cfg: cfg, log: cfg.Log, done: make(chan struct{}), renewed: map[string]time.Time{}}
	s.spec = childSpec{Library: cfg.Library, Layout: newLayout(cfg), Users: cfg.Users, Secret: cfg.TenantSecret, Tables: cfg.TenantTables}
	if err := s.open(ctx); err != nil {
		s.release()
		return nil, err
	}
	run, stop := context.WithCancel(ctx)
	s.stop = stop
	first := make(chan error, 1)
	go s.supervise(run, first)
	select {
	case err = <-first:
	case <-time.After(cfg.StartTimeout):
		err = fmt.Errorf("the engine was not ready within %s", cfg.StartTimeout)
	}
	if err != nil {
		stop()
		<-s.done
		return nil, err
	}
	return s, nil
}

// open takes the directory and the port.
func (s *Server) open(ctx context.Context) error {
	if err := s.spec.Layout.create(); err != nil {
		return err
	}
	lock, err := lockDir(s.cfg.Dir)
	if err != nil {
		return err
	}
	s.lock = lock
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("engine address %s: %w (another ClickHouse? choose another port, or port 0 for any)", s.cfg.Listen, err)
	}
	s.listener = l.(*net.TCPListener)
	return nil
}

// lockDir takes Dir/lock for this process; the child inherits nothing of it.
func lockDir(dir string) (*os.File, error) {
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock engine directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := io.ReadAll(io.LimitReader(f, 64))
		_ = f.Close()
		return nil, fmt.Errorf("%w: %s is held by process %s; stop that one or choose another directory", ErrDirInUse, dir, holder)
	}
	if err := f.Truncate(0); err == nil {
		_, err = f.WriteAt(fmt.Appendf(nil, "%d", os.Getpid()), 0)
		if err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("lock engine directory: %w", err)
		}
	}
	return f, nil
}

func (s *Server) release() {
	if s.listener != nil {
		_ = s.listener.Close()
	}
	if s.lock != nil {
		_ = s.lock.Close()
	}
}

// supervise keeps one child running until ctx ends. first gets the outcome of the first start; a first start that
// fails is not repeated.
func (s *Server) supervise(ctx context.Context, first chan<- error) {
	defer close(s.done)
	defer s.release()
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 100*time.Millisecond, 10*time.Second
	for {
		began := time.Now()
		err := s.runOnce(ctx, func(r childReady) {
			if first != nil {
				first <- nil
				first = nil
			}
		})
		if first != nil {
			if err == nil {
				err = ctx.Err()
			}
			first <- err
			return
		}
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > time.Minute {
			wait.Reset()
		}
		pause := wait.NextBackOff()
		s.log.Error("engine stopped, starting it again", "error", err, "pause", pause)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// runOnce starts a child and waits for its end. When ctx ends it asks the child to stop.
//
// A disk that is full can leave a merged part with an empty file, which the engine takes for good until it starts (26.5; found by
// make chaos, seed 1015): then it sets the part aside and takes back the parts before the merge, which are kept for
// old_parts_lifetime. So a child that meets such a part ends, but not again and again where that doesn't help; another part is
// another reason, since a disk stays full for a while (seed 3009).
func (s *Server) runOnce(ctx context.Context, onReady func(childReady)) (err error) {
	spec := s.spec
	maps.DeleteFunc(s.renewed, func(_ string, at time.Time) bool { return time.Since(at) > renewEvery })
	spec.Renew, spec.Renewed = len(s.renewed) < mostRenewals, slices.Collect(maps.Keys(s.renewed))
	c, err := startChild(spec, s.listener, s.log)
	if err != nil {
		return err
	}
	defer func() {
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() == exitBrokenPart {
			s.renewed[c.broken] = time.Now()
		}
	}()
	s.mu.Lock()
	s.pid = c.cmd.Process.Pid
	s.mu.Unlock()
	select {
	case r := <-c.ready:
		if r.Error != "" {
			_ = c.wait()
			return errors.New(r.Error)
		}
		s.mu.Lock()
		s.version = r.Version
		s.mu.Unlock()
		s.log.Info("engine ready", "version", r.Version, "address", s.Addr(), "pid", c.cmd.Process.Pid)
		onReady(r)
	case <-c.exited:
		return c.wait()
	case <-ctx.Done():
	}
	select {
	case <-c.exited:
	case <-ctx.Done():
		c.stop(20 * time.Second)
	}
	return c.wait()
}

// Addr is the host:port the engine listens on.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Version is the engine's, as SELECT version() says.
func (s *Server) Version() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version
}

// Pid is the process id of the current child; it changes with a restart.
func (s *Server) Pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pid
}

// URL is http://user:password@host:port/database for the first user, as schema.Open takes it.
func (s *Server) URL(database string) string {
	return s.UserURL(s.cfg.Users[0], database)
}

// UserURL is the URL for one of the configured users.
func (s *Server) UserURL(user User, database string) string {
	u := url.URL{Scheme: "http", Host: s.Addr(), Path: "/" + database, User: url.User(user.Name)}
	if user.Password != "" {
		u.User = url.UserPassword(user.Name, user.Password)
	}
	return u.String()
}

// Done is closed when the engine has stopped for good.
func (s *Server) Done() <-chan struct{} { return s.done }

// Close stops the engine: running requests get 10 s to finish. It returns early with ctx's error.
func (s *Server) Close(ctx context.Context) error {
	s.stop()
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop the engine: %w", ctx.Err())
	}
}
