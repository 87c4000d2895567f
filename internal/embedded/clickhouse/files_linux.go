package clickhouse

import (
	"fmt"
	"log/slog"
	"syscall"
)

// How many files the engine may have open. One that does nothing has 200 to 250; a query opens a file for each column of a part and
// each thread, so that 32 queries of 60 columns on two threads want 4,000. Short of files, the engine ends in the middle of a statement.
const (
	leastFiles  = 512
	enoughFiles = 4096
)

// checkFiles refuses a limit at which the engine can't work, and warns of one that load will reach. Go has raised the soft limit to
// the hard one before main (package os), here and in the child.
func checkFiles(log *slog.Logger) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("ask how many files may be open: %w", err)
	}
	const remedy = "raise the hard limit: `ulimit -Hn 65536` as root, LimitNOFILE=65536 in a systemd unit, --ulimit nofile=65536 for a container"
	switch {
	case limit.Cur < leastFiles:
		return fmt.Errorf("this process may have %d files open (RLIMIT_NOFILE, `ulimit -n`), the engine needs %d to start and %d under load: %s", limit.Cur, leastFiles, enoughFiles, remedy)
	case limit.Cur < enoughFiles:
		log.Warn("few files may be open: under load the engine will fail", "limit", limit.Cur, "want", enoughFiles, "remedy", remedy)
	}
	return nil
}
