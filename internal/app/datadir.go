package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// DataDir is a directory that one process owns while it runs.
type DataDir struct {
	Path string
	lock *os.File
}

// DefaultDataDir is $XDG_DATA_HOME/tollkeeper, else ~/.local/share/tollkeeper.
func DefaultDataDir() (string, error) {
	if base := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(base) {
		return filepath.Join(base, "tollkeeper"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find a data directory: %w: give one with --data-dir", err)
	}
	return filepath.Join(home, ".local", "share", "tollkeeper"), nil
}

// OpenDataDir creates the directory (mode 0700) and takes its lock, which the system drops when the process dies.
func OpenDataDir(path string) (*DataDir, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("data directory %s: %w: give another with --data-dir", path, err)
	}
	name := filepath.Join(path, "lock")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w: give another with --data-dir", path, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			holder, _ := os.ReadFile(name)
			return nil, fmt.Errorf("data directory %s is in use by another tollkeeper (process %s): stop it, or give another directory with --data-dir",
				path, strings.TrimSpace(string(holder)))
		}
		return nil, fmt.Errorf("lock data directory %s: %w", path, err)
	}
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	}
	return &DataDir{Path: path, lock: f}, nil
}

// Sub is a directory inside.
func (d *DataDir) Sub(name string) string { return filepath.Join(d.Path, name) }

// Close gives the lock back.
func (d *DataDir) Close() error { return d.lock.Close() }
