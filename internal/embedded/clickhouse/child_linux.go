package clickhouse

import (
	"runtime"
	"syscall"
)

// childAttributes makes the kernel kill the child with its parent, should the parent die without a word. The signal
// follows the parent's thread, so start holds one for the child's whole life.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// start starts the process on a thread that lives as long as the process (see Pdeathsig in prctl(2)).
func (c *childProcess) start() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := c.cmd.Start()
		started <- err
		if err == nil {
			<-c.exited
		}
	}()
	return <-started
}
