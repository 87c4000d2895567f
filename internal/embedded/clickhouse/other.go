//go:build !linux

package clickhouse

import (
	"errors"
	"log/slog"
	"os"
	"syscall"
)

// The embedded engine runs on Linux (Config.Validate says so); elsewhere the package builds, so that the rest of the
// product can be run against a ClickHouse server.

func childAttributes() *syscall.SysProcAttr { return nil }

func (c *childProcess) start() error { return c.cmd.Start() }

func defaultMemoryLimit() uint64 { return 1 << 30 }

func growPipe(*os.File) {}

func checkFiles(*slog.Logger) error { return nil }

func memoryFile() (*os.File, error) {
	return nil, errors.New("the embedded engine runs on linux only")
}
