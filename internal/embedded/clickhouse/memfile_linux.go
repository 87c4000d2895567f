package clickhouse

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// memoryFile is a file without a name or a disk.
func memoryFile() (*os.File, error) {
	fd, err := unix.MemfdCreate("insert", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memory for an insert: %w", err)
	}
	return os.NewFile(uintptr(fd), "insert"), nil
}
