package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// showProgress tells about twice a second (on a terminal; else every five seconds) how much of the library is there.
// The function returned ends it.
func showProgress(out io.Writer, path string, size int64) (stop func()) {
	file, ok := out.(*os.File)
	terminal := ok && term.IsTerminal(int(file.Fd()))
	every := 5 * time.Second
	if terminal {
		every = 500 * time.Millisecond
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		tick := time.NewTicker(every)
		defer tick.Stop()
		began := time.Now()
		for {
			select {
			case <-done:
				if terminal {
					fmt.Fprint(out, "\r\x1b[K")
				}
				return
			case <-tick.C:
				line := progressLine(written(path), size, time.Since(began))
				if terminal {
					fmt.Fprint(out, "\r\x1b[K"+line)
				} else {
					fmt.Fprintln(out, line)
				}
			}
		}
	}()
	return func() { close(done); wg.Wait() }
}

// progressLine is at most 79 columns.
func progressLine(have, size int64, elapsed time.Duration) string {
	const width = 30
	full := int(min(have, size) * width / size)
	return fmt.Sprintf("  [%s%s] %3d of %d MB, %s", strings.Repeat("#", full), strings.Repeat(".", width-full), have/1e6, size/1e6, elapsed.Round(time.Second))
}

// written is the size of the library so far; npm unpacks into a folder with a name of its own first.
func written(path string) int64 {
	if info, err := os.Stat(path); err == nil {
		return info.Size()
	}
	folder := filepath.Dir(path) // …/node_modules/@chdb/lib-…
	candidates, _ := filepath.Glob(filepath.Join(filepath.Dir(folder), ".*", filepath.Base(path)))
	for _, c := range candidates {
		if info, err := os.Stat(c); err == nil {
			return info.Size()
		}
	}
	return 0
}
