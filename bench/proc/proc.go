// Package proc reads what the kernel says of a process, for the benchmarks: Linux's proc_pid_stat(5) and proc_pid_status(5).
package proc

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// CPU is the time a process has spent on a CPU so far, in user and kernel mode, in steps of 10 ms.
func CPU(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name stands in brackets and may hold some itself; the state follows the last one.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	const user, system, hertz = 11, 12, 100
	var ticks int
	for _, i := range []int{user, system} {
		n, err := strconv.Atoi(fields[i])
		if err != nil {
			return 0, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / hertz, nil
}

// Resident is how much of a process is in memory now, in bytes.
func Resident(pid int) (int64, error) { return status(pid, "VmRSS") }

// Peak is the most that Resident has been, in bytes.
func Peak(pid int) (int64, error) { return status(pid, "VmHWM") }

func status(pid int, key string) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, key+":"); ok {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no %s", pid, key)
}

// Tree is a process and all that descend from it, itself first.
func Tree(pid int) ([]int, error) {
	out := []int{pid}
	for i := 0; i < len(out); i++ {
		tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", out[i]))
		if err != nil {
			return nil, err
		}
		for _, task := range tasks {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", out[i], task.Name()))
			if err != nil {
				continue // the thread has ended
			}
			for _, child := range strings.Fields(string(text)) {
				n, err := strconv.Atoi(child)
				if err != nil {
					return nil, fmt.Errorf("/proc/%d/task/%s/children: %w", out[i], task.Name(), err)
				}
				out = append(out, n)
			}
		}
	}
	return out, nil
}
