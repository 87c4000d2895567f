package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a part of the product in a process of its own, started again whenever it ends, as a service manager does.
type process struct {
	name, config, log string

	mu      sync.Mutex
	cmd     *exec.Cmd
	restart time.Duration // the pause before the next start
	offset  time.Duration // of the clock from the next start on
	starts  int
}

// run keeps the process running until ctx ends, then kills it.
func (p *process) run(ctx context.Context) error {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("log of %s: %w", p.name, err)
	}
	defer log.Close()
	for ctx.Err() == nil {
		if err := p.once(ctx, log); err != nil {
			return err
		}
		p.mu.Lock()
		wait := p.restart
		p.restart = 200 * time.Millisecond
		p.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	return nil
}

func (p *process) once(ctx context.Context, log io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	p.mu.Lock()
	cmd := exec.Command(self, "role", p.name, p.config, p.offset.String())
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	life, err := cmd.StdinPipe() // its end tells a child that we are gone
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		p.mu.Unlock()
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	p.cmd = cmd
	p.starts++
	p.mu.Unlock()
	defer life.Close()
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-ctx.Done():
			p.signal(syscall.SIGKILL)
		case <-ended:
		}
	}()
	_ = cmd.Wait() // how it ended is in its log; it is started again
	p.mu.Lock()
	p.cmd = nil
	p.mu.Unlock()
	return nil
}

// signal reaches the process and its children; false: it isn't running.
func (p *process) signal(s syscall.Signal) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd != nil && syscall.Kill(-p.cmd.Process.Pid, s) == nil
}

// kill ends it at once; it comes again after the pause.
func (p *process) kill(pause time.Duration) bool {
	p.mu.Lock()
	p.restart = pause
	p.mu.Unlock()
	return p.signal(syscall.SIGKILL)
}

func (p *process) setClock(offset time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.offset = offset
}

var errNotRunning = errors.New("not running")

// child is the id of the process's only child: the engine proper.
func (p *process) child() (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return 0, errNotRunning
	}
	parent := strconv.Itoa(p.cmd.Process.Pid)
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	for _, name := range stats {
		stat, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		if f := strings.Fields(rest); len(f) > 1 && f[1] == parent && f[0] != "Z" {
			return strconv.Atoi(filepath.Base(filepath.Dir(name)))
		}
	}
	return 0, errNotRunning
}

// cpu is what the processes that live now, and their children, have used so far.
func (w *world) cpu() time.Duration {
	groups := map[string]bool{}
	for _, p := range w.processes {
		p.mu.Lock()
		if p.cmd != nil {
			groups[strconv.Itoa(p.cmd.Process.Pid)] = true
		}
		p.mu.Unlock()
	}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0
	}
	var ticks int64
	for _, name := range stats {
		stat, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		f := strings.Fields(rest) // proc_pid_stat(5): state, ppid, pgrp, …; user and kernel time in 1/100 s
		if len(f) < 13 || !groups[f[2]] {
			continue
		}
		for _, field := range f[11:13] {
			n, _ := strconv.ParseInt(field, 10, 64)
			ticks += n
		}
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// load1 is the kernel's load average over the last minute.
func load1() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), " ")
	load, _ := strconv.ParseFloat(first, 64)
	return load
}
