package clickhouse

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// childProcess is one run of the engine child.
type childProcess struct {
	cmd     *exec.Cmd
	control *os.File
	ready   chan childReady // at most one
	exited  chan struct{}
	err     error
	broken  string // the part because of which it ended, if it told
}

func startChild(spec childSpec, listener *net.TCPListener, log *slog.Logger) (*childProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this executable: %w", err)
	}
	socket, err := listener.File()
	if err != nil {
		return nil, fmt.Errorf("hand the port to the engine: %w", err)
	}
	defer socket.Close()
	controlRead, controlWrite, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("control pipe: %w", err)
	}
	defer controlRead.Close()
	readyRead, readyWrite, err := os.Pipe()
	if err != nil {
		_ = controlWrite.Close()
		return nil, fmt.Errorf("ready pipe: %w", err)
	}
	defer readyWrite.Close()
	cmd := exec.Command(self)
	cmd.Args = []string{filepath.Base(self) + ": engine"}
	cmd.Env = append(os.Environ(), envChild+"=1", "TZ=UTC")
	cmd.Dir = spec.Layout.Dir
	cmd.ExtraFiles = []*os.File{socket, controlRead, readyWrite}
	cmd.SysProcAttr = childAttributes()
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, fmt.Errorf("engine log: %w", err)
	}
	c := &childProcess{cmd: cmd, control: controlWrite, ready: make(chan childReady, 1), exited: make(chan struct{})}
	if err := c.start(); err != nil {
		_ = controlWrite.Close()
		_ = readyRead.Close()
		return nil, fmt.Errorf("start the engine process: %w", err)
	}
	go c.follow(stderr, readyRead, log)
	if err := json.NewEncoder(controlWrite).Encode(spec); err != nil {
		c.stop(0)
		return nil, fmt.Errorf("order the engine: %w", err)
	}
	return c, nil
}

// follow relays the child's log and readiness, then reaps it.
func (c *childProcess) follow(stderr io.Reader, ready io.ReadCloser, log *slog.Logger) {
	var wg sync.WaitGroup
	wg.Add(2)
	go func() {
		defer wg.Done()
		relayLog(stderr, log)
	}()
	go func() {
		defer wg.Done()
		defer ready.Close()
		said := json.NewDecoder(ready)
		var r childReady
		if said.Decode(&r) == nil {
			c.ready <- r
		}
		var last childReady
		if said.Decode(&last) == nil {
			c.broken = last.Broken
		}
	}()
	wg.Wait()
	if err := c.cmd.Wait(); err != nil {
		c.err = fmt.Errorf("engine process: %w", err)
	} else {
		c.err = errors.New("engine process ended")
	}
	_ = c.control.Close()
	close(c.exited)
}

func (c *childProcess) wait() error {
	<-c.exited
	return c.err
}

// stop asks the child to end and kills it after the grace.
func (c *childProcess) stop(grace time.Duration) {
	_ = c.control.Close()
	select {
	case <-c.exited:
	case <-time.After(grace):
		_ = c.cmd.Process.Kill()
		<-c.exited
	}
}
