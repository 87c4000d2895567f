// Command fetch puts the ClickHouse engine library into the user's cache folder, once per user and engine version. It
// takes it from the npm package pinned in lock/ (version and hash), with npm, or with an npm that it gets from PyPI
// (pinned by hash) where only pip is there. `make engine` runs it.
//
// It says the size first, shows progress, checks the library's own sha256 and moves it into place in one step: a
// fetch cut short leaves nothing behind that would be taken for an engine.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "engine:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}
