package clickhouse

import (
	"os"

	"golang.org/x/sys/unix"
)

// growPipe gives a result's pipe 1 MiB, so that engine and client take turns less often. Best effort: a user may have
// used up its pipe pages.
func growPipe(w *os.File) {
	_, _ = unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, 1<<20)
	_ = unix.SetNonblock(int(w.Fd()), true)
}
