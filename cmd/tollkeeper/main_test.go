package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
)

// runMain makes the test binary be the program: the tests start it as a process of its own.
const runMain = "TOLLKEEPER_TEST_RUN_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(runMain) == "1" {
		main() // which also is the engine's child, where that is asked for
	}
	clickhousetest.Main(m)
}

// Limits of waiting for what should come; they only end a test that fails.
const (
	twoMinutes = 2 * time.Minute
	aMoment    = 100 * time.Millisecond
)

// process is the program running on its own.
type process struct {
	*exec.Cmd
	t      *testing.T
	mu     sync.Mutex
	output strings.Builder
	lines  chan struct{}
	done   chan struct{}
	err    error
}

// start runs the program with the environment added to ours; it is killed at the end of the test.
func start(t *testing.T, environment map[string]string, args ...string) *process {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	p := &process{Cmd: exec.Command(exe, args...), t: t, lines: make(chan struct{}, 1), done: make(chan struct{})}
	p.Env = append(os.Environ(), runMain+"=1")
	for k, v := range environment {
		p.Env = append(p.Env, k+"="+v)
	}
	r, w, err := os.Pipe()
	require.NoError(t, err)
	p.Stdout, p.Stderr = w, w
	require.NoError(t, p.Start())
	require.NoError(t, w.Close())
	go p.read(r)
	t.Cleanup(func() {
		_ = p.Process.Kill()
		<-p.done
		if t.Failed() {
			t.Logf("%v printed:\n%s", args, p.text())
		}
	})
	return p
}

func (p *process) read(r io.ReadCloser) {
	defer r.Close()
	for s := bufio.NewScanner(r); s.Scan(); {
		p.mu.Lock()
		fmt.Fprintln(&p.output, s.Text())
		p.mu.Unlock()
		select {
		case p.lines <- struct{}{}:
		default:
		}
	}
	p.err = p.Wait()
	close(p.done)
}

func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

// waitFor returns the first group of the pattern in what the program prints.
func (p *process) waitFor(pattern string) string {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	limit := time.After(twoMinutes)
	for {
		if m := re.FindStringSubmatch(p.text()); m != nil {
			return m[len(m)-1]
		}
		select {
		case <-p.lines:
		case <-p.done:
			if m := re.FindStringSubmatch(p.text()); m != nil {
				return m[len(m)-1]
			}
			require.FailNow(p.t, "the program ended", "%v without printing %q: %v", p.Args[1:], pattern, p.err)
		case <-limit:
			require.FailNow(p.t, "too long", "%v did not print %q", p.Args[1:], pattern)
		}
	}
}

// exit waits for the end of the program and returns its exit code.
func (p *process) exit() int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(twoMinutes):
		require.FailNow(p.t, "too long", "%v did not end", p.Args[1:])
	}
	return p.ProcessState.ExitCode()
}

func (p *process) terminate() int {
	p.t.Helper()
	require.NoError(p.t, p.Process.Signal(syscall.SIGTERM))
	return p.exit()
}

// ready waits until /readyz answers 200 at the metrics address that the program printed.
func (p *process) ready() {
	p.t.Helper()
	base := p.waitFor(`metrics +(http://\S+)/metrics`)
	require.EventuallyWithT(p.t, func(c *assert.CollectT) {
		resp, err := http.Get(base + "/readyz")
		if !assert.NoError(c, err) {
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		assert.Equal(c, http.StatusOK, resp.StatusCode, string(body))
	}, twoMinutes, aMoment)
}
