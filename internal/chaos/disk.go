package chaos

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// disk is a small file system of its own, so that it can be filled. Without the right to mount one it is a directory
// that can't.
type disk struct {
	path  string
	small bool
}

const diskSize = 1 << 30

func newDisk(path string) (*disk, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	err := syscall.Mount("tmpfs", path, "tmpfs", syscall.MS_NODEV|syscall.MS_NOSUID, fmt.Sprintf("size=%d,mode=0700", diskSize))
	return &disk{path: path, small: err == nil}, nil
}

// data is the directory for whoever uses the disk.
func (d *disk) data() string { return filepath.Join(d.path, "data") }

func (d *disk) ballast() string { return filepath.Join(d.path, "ballast") }

// fill leaves no byte free.
func (d *disk) fill() error {
	f, err := os.OpenFile(d.ballast(), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("fill %s: %w", d.path, err)
	}
	defer f.Close()
	block := make([]byte, 1<<20)
	for len(block) > 0 {
		if _, err = f.Write(block); err != nil {
			block = block[:len(block)/2]
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("fill %s: %w", d.path, err)
	}
	return nil
}

// drain makes room again.
func (d *disk) drain() error {
	if err := os.Remove(d.ballast()); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}

func (d *disk) close() error {
	if !d.small {
		return nil
	}
	return syscall.Unmount(d.path, syscall.MNT_DETACH)
}
