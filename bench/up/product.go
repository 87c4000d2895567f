package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tollkeeper/tollkeeper/bench/proc"
)

const (
	patience = 2 * time.Minute
	moment   = 20 * time.Millisecond
)

// configure writes a configuration whose listeners take ports that were free just now.
func (b *bench) configure() error {
	for _, address := range []*string{&b.otlp, &b.engine} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer l.Close()
		*address = l.Addr().String()
	}
	return os.WriteFile(b.config(), fmt.Appendf(nil, `http: {listen: "127.0.0.1:0"}
viewer: {listen: "127.0.0.1:0"}
kafka: {embedded: {listen: "127.0.0.1:0"}}
clickhouse: {embedded: {listen: %q}}
collector: {grpc: %q, http: "127.0.0.1:0"}
`, b.engine, b.otlp), 0o600)
}

func (b *bench) config() string { return filepath.Join(b.dir, "toll.yaml") }

// product is one run of `tollkeeper up`.
type product struct {
	*bench
	cmd   *exec.Cmd
	began time.Time
	ended chan struct{}
	err   error         // once ended: how
	said  *bytes.Buffer // once ended: what it printed
}

// launch starts the program; it may take a while until it serves.
func (b *bench) launch() (*product, error) {
	p := &product{bench: b, ended: make(chan struct{}), said: new(bytes.Buffer), began: time.Now(),
		cmd: exec.Command(b.program, "up", "--config", b.config(), "--data-dir", filepath.Join(b.dir, "data"))}
	p.cmd.Stdout, p.cmd.Stderr = p.said, p.said
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s (make build builds it): %w", b.program, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// age is the time since the start.
func (p *product) age() time.Duration { return time.Since(p.began) }

// stop ends the program as Ctrl-C does.
func (p *product) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.ended:
		return p.err
	case <-time.After(patience):
		return fmt.Errorf("%s didn't stop within %s of a SIGTERM", p.program, patience)
	}
}

// kill ends the program if it still runs.
func (p *product) kill() error {
	select {
	case <-p.ended:
		return nil
	default:
	}
	err := p.cmd.Process.Kill()
	<-p.ended
	return err
}

// wait asks until it gets true, and tells the last error if that takes too long or the program has ended.
func (p *product) wait(ctx context.Context, what string, ask func() (bool, error)) error {
	for end := time.Now().Add(patience); ; {
		good, err := ask()
		if good {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s: not within %s: %w", what, patience, err)
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s: %s has ended (%w)\n%s", what, p.program, p.err, p.said)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(moment):
		}
	}
}

// accepts waits until a sender can connect, and says how long after the start that is.
func (p *product) accepts(ctx context.Context) (time.Duration, error) {
	err := p.wait(ctx, "OTLP at "+p.otlp, func() (bool, error) {
		conn, err := net.DialTimeout("tcp", p.otlp, time.Second)
		if err != nil {
			return false, err
		}
		return true, conn.Close()
	})
	return p.age(), err
}

// until waits for so many calls in a view of the last days.
func (p *product) until(ctx context.Context, view string, calls int) error {
	columns := map[string]string{"calls": "count()", "spend": "toUInt64(sum(calls))"}
	sql := "SELECT " + columns[view] + " FROM " + view + "(from = toStartOfDay(now('UTC') - INTERVAL 1 DAY), to = toStartOfDay(now('UTC') + INTERVAL 2 DAY))"
	return p.wait(ctx, fmt.Sprintf("%d calls in %s", calls, view), func() (bool, error) {
		n, err := p.ask(ctx, sql)
		if err == nil && n < calls {
			err = fmt.Errorf("there are %d", n)
		}
		return err == nil, err
	})
}

// ask runs a statement that gives one number.
func (p *product) ask(ctx context.Context, sql string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.engine+"/?"+url.Values{"database": {"tollkeeper"}}.Encode(), strings.NewReader(sql))
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(strings.TrimSpace(string(text)))
	}
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// sum adds up what is measured of each of the program's processes.
func (p *product) sum(of func(pid int) (int64, error)) (total int64, err error) {
	tree, err := proc.Tree(p.cmd.Process.Pid)
	if err != nil {
		return 0, err
	}
	for _, pid := range tree {
		n, err := of(pid)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// used is the CPU time of the program's processes so far.
func (p *product) used() (time.Duration, error) {
	n, err := p.sum(func(pid int) (int64, error) {
		d, err := proc.CPU(pid)
		return int64(d), err
	})
	return time.Duration(n), err
}
