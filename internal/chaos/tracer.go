package chaos

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// killAtSyscall waits until a process comes to the n-th system call of a name, and kills it there. It returns false if
// ctx ends first.
func killAtSyscall(ctx context.Context, pid int, name string, n int) (bool, error) {
	cmd := exec.CommandContext(ctx, "strace", "-f", "-q", "-o", "/dev/null", "-p", strconv.Itoa(pid),
		"-e", "trace="+name, "-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", name, n))
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // so that it lets go
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		return false, nil
	}
	if cmd.ProcessState == nil {
		return false, fmt.Errorf("trace the engine: %w", err)
	}
	return true, nil
}

// canTrace tells whether strace is there.
func canTrace() bool {
	_, err := exec.LookPath("strace")
	return err == nil
}
