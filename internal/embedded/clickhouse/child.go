package clickhouse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"syscall"
	"time"
)

// envChild marks a process as the engine child of its parent.
const envChild = "TOLLKEEPER_ENGINE_CHILD"

// Inherited files of the child.
const (
	fdListener = 3 // the TCP listener, kept by the parent over restarts
	fdControl  = 4 // childSpec as JSON, then nothing until the parent dies or wants a stop: EOF
	fdReady    = 5 // the child writes childReady, and another one before it ends because of a part
)

// childSpec is what the parent tells the child; it holds passwords and therefore travels by pipe.
type childSpec struct {
	Library string   `json:"library"`
	Layout  layout   `json:"layout"`
	Users   []User   `json:"users"`
	Secret  string   `json:"secret"`  // of the tenants' derived users
	Tables  []string `json:"tables"`  // that tenants may name
	Renew   bool     `json:"renew"`   // end with exitBrokenPart where a part can't be read …
	Renewed []string `json:"renewed"` // … but one of these, for which that was done a moment ago
}

// exitBrokenPart is the child's exit code when it wants to be started anew because of a part that can't be read.
const exitBrokenPart = 86

// childReady is the child's answer once it serves, or why it doesn't; and what it says when it ends because of a part.
type childReady struct {
	Version string `json:"version"`
	Error   string `json:"error"`
	Broken  string `json:"broken"` // the part that can't be read
}

// RunChildIfAsked turns this process into the engine if its parent asked for that, and then doesn't return. Call it
// first in main and in TestMain.
func RunChildIfAsked() {
	if os.Getenv(envChild) == "" {
		return
	}
	os.Exit(runChild())
}

func runChild() int {
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	ready := os.NewFile(fdReady, "ready")
	err := serveChild(log, ready)
	if err != nil {
		answer, _ := json.Marshal(childReady{Error: err.Error()})
		_, _ = ready.Write(append(answer, '\n'))
		return 1
	}
	return 0
}

func serveChild(log *slog.Logger, ready io.WriteCloser) error {
	// An interrupt at the terminal reaches the whole process group: the parent decides when the engine stops.
	// A client that leaves breaks the pipe under the engine's own threads, where Go's runtime would die of it.
	signal.Ignore(syscall.SIGINT, syscall.SIGHUP, syscall.SIGPIPE)
	syscall.Umask(0o077)
	debug.SetMemoryLimit(256 << 20) // Go's own heap; the engine's is bounded by its configuration
	control := os.NewFile(fdControl, "control")
	decoder := json.NewDecoder(control)
	var spec childSpec
	if err := decoder.Decode(&spec); err != nil {
		return fmt.Errorf("read the parent's order: %w", err)
	}
	listener, err := net.FileListener(os.NewFile(fdListener, "listener"))
	if err != nil {
		return fmt.Errorf("inherited listener: %w", err)
	}
	e, err := loadEngine(spec.Library, "--path="+spec.Layout.DB, "--config-file="+spec.Layout.ConfigFile)
	if err != nil {
		return err
	}
	if spec.Renew {
		began := time.Now()
		e.broken = func(ex *Exception) {
			part := ex.brokenPart()
			if slices.Contains(spec.Renewed, part) && time.Since(began) < renewEvery {
				return
			}
			log.Error("a part can't be read: the engine starts anew, drops it and takes back what it was merged from", "error", ex.Text)
			_ = json.NewEncoder(ready).Encode(childReady{Broken: part}) // else the parent counts it as unknown
			os.Exit(exitBrokenPart)
		}
	}
	front, err := newFront(e, spec, log)
	if err != nil {
		return err
	}
	defer front.close()
	return serveFront(front, listener, decoder, ready, log)
}

// serveFront serves until the control pipe ends or a signal asks for the end, then lets requests finish.
func serveFront(front *front, listener net.Listener, control *json.Decoder, ready io.WriteCloser, log *slog.Logger) error {
	base, cancelRequests := context.WithCancel(context.Background())
	defer cancelRequests()
	server := &http.Server{
		Handler:           front,
		BaseContext:       func(net.Listener) context.Context { return base },
		ReadHeaderTimeout: 30 * time.Second,
		MaxHeaderBytes:    2 << 20, // statements travel in the URL
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	stop := make(chan struct{})
	go func() {
		var ignored json.RawMessage
		for control.Decode(&ignored) == nil {
		}
		close(stop)
	}()
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)

	answer, err := json.Marshal(childReady{Version: front.version})
	if err == nil {
		_, err = ready.Write(append(answer, '\n'))
	}
	if err != nil {
		return fmt.Errorf("tell the parent: %w", err)
	}
	select {
	case err := <-ended:
		return fmt.Errorf("serve http: %w", err)
	case <-stop:
	case <-term:
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil && !errors.Is(err, http.ErrServerClosed) {
		cancelRequests()
		late, cancelLate := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancelLate()
		if err := server.Shutdown(late); err != nil {
			log.Warn("requests did not end in time", "error", err)
			os.Exit(0) // closing the engine under a running query crashes it; its data is safe either way
		}
	}
	return nil
}
