// Command tollkeeper is the whole product in one program: `up` runs everything on one machine, and each role runs alone
// against servers given by URL. This package holds flags and help only.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/tollkeeper/tollkeeper/internal/embedded/clickhouse"
	"github.com/tollkeeper/tollkeeper/internal/telemetry"
)

// version is set by the linker.
var version = "unreleased"

// Exit codes: 0 done, 1 something failed, 2 the command line or the configuration is wrong, 3 something couldn't be proved.
const (
	exitFailed   = 1
	exitUsage    = 2
	exitUnproved = 3
)

func main() {
	clickhouse.RunChildIfAsked()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() { // a second signal ends the program at once
		<-ctx.Done()
		stop()
	}()
	os.Exit(run(ctx, os.Args[1:]))
}

// run executes one command line and returns the exit code.
func run(ctx context.Context, args []string) int {
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var usage *usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "tollkeeper: %v\nSee: %s --help\n", err, usage.command)
		return exitUsage
	}
	fmt.Fprintf(os.Stderr, "tollkeeper: %s\n", telemetry.ErrorText(err))
	if hint := unreachable(err); hint != "" {
		fmt.Fprintln(os.Stderr, hint)
	}
	if errors.Is(err, errUnproved) {
		return exitUnproved
	}
	return exitFailed
}

// unreachable is what to look at when a server couldn't be dialled; empty for other errors.
func unreachable(err error) string {
	var dial *net.OpError
	if !errors.As(err, &dial) || dial.Op != "dial" {
		return ""
	}
	return "Nothing answers there: does `tollkeeper up` run, or do kafka.brokers and clickhouse.url (--config, or the environment) name your servers?"
}

// errUnproved: nothing is known to be wrong, but not all could be compared.
var errUnproved = errors.New("not all could be compared")

// usageError is a wrong command line or configuration.
type usageError struct {
	command string
	err     error
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }
