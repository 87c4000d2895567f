package clickhouse

import "golang.org/x/sys/unix"

func defaultMemoryLimit() uint64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 1 << 30
	}
	return min(max(uint64(info.Totalram)*uint64(info.Unit)/2, 1<<30), 16<<30)
}
