package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/tollkeeper/tollkeeper/internal/goals"
)

// Options say how many rounds, from which seed, and where.
type Options struct {
	Rounds int
	Seed   uint64 // of the first round; each next one's is one more
	Dir    string // the rounds that are done, and what the processes write
	Resume bool   // go on after the rounds that Dir says are done
	JSON   bool
	Out    io.Writer
}

// worldRounds is how many rounds one world lives; then everything starts anew.
const worldRounds = 10

// settleGoal is how soon after a round everything has to be right; settleLimit is how long it is waited for.
const (
	settleGoal  = 15 * time.Second
	settleLimit = 2 * time.Minute
)

// result of a round.
type result struct {
	Round      int      `json:"round"`
	Seed       uint64   `json:"seed"`
	Events     []string `json:"events"`
	Happened   int      `json:"happened"`
	Skipped    []string `json:"skipped,omitempty"`
	Calls      int      `json:"calls"`
	Requests   int      `json:"requests"`
	Refused    int      `json:"refused"`
	Duplicates int      `json:"duplicates"`
	Restarts   int      `json:"restarts"`
	Settled    float64  `json:"settled_seconds"`  // from the last acknowledgement to everything right
	CPU        float64  `json:"settled_cpu"`      // seconds that the product used meanwhile
	Load       float64  `json:"load"`             // processes that wanted a core, by the kernel's average over a minute
	Waited     waits    `json:"waited,omitempty"` // for what, and until when
	Problem    string   `json:"problem,omitempty"`
}

// Run makes the rounds. The error says that something was lost, doubled or late, or that a round couldn't be made.
func Run(ctx context.Context, o Options) error {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return err
	}
	book := filepath.Join(o.Dir, "rounds.jsonl")
	done, err := readResults(book, o.Resume)
	if err != nil {
		return err
	}
	if len(done) > 0 {
		o.Seed = done[0].Seed - uint64(done[0].Round-1)
		fmt.Fprintf(o.Out, "%d rounds are done, from seed %d\n", len(done), o.Seed)
	}
	if err := sweep(o.Dir, done); err != nil {
		return err
	}
	var w *world
	var truth map[id]made
	defer func() {
		if w != nil {
			_ = w.close()
		}
	}()
	for n := len(done); n < o.Rounds && ctx.Err() == nil; n++ {
		if w == nil {
			dir := worldDir(o.Dir, n+1)
			if w, err = newWorld(ctx, dir); err != nil {
				return err
			}
			truth = map[id]made{}
		}
		r, err := w.play(ctx, o.Seed+uint64(n), truth, o.Out)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			r.Problem = err.Error()
		}
		r.Round = n + 1
		done = append(done, r)
		if err := appendResult(book, r); err != nil {
			return err
		}
		tell(o.Out, r, o.Rounds)
		if (n+1)%worldRounds == 0 || r.Problem != "" {
			if err := w.close(); err != nil {
				return err
			}
			if r.Problem == "" {
				_ = os.RemoveAll(w.dir)
			}
			w = nil
		}
	}
	return verdict(o, done)
}

func worldDir(dir string, firstRound int) string {
	return filepath.Join(dir, fmt.Sprintf("world-%d", firstRound))
}

// sweep removes the worlds that a run before left when it was killed, but for those in which something went wrong.
func sweep(dir string, done []result) error {
	worlds, err := filepath.Glob(filepath.Join(dir, "world-*"))
	if err != nil {
		return err
	}
	keep, first := map[string]bool{}, 1
	for _, r := range done {
		if _, err := os.Stat(worldDir(dir, r.Round)); err == nil {
			first = r.Round
		}
		keep[worldDir(dir, first)] = keep[worldDir(dir, first)] || r.Problem != ""
	}
	for _, w := range worlds {
		if keep[w] {
			continue
		}
		for _, name := range []string{procKafka, procEngine} {
			_ = syscall.Unmount(filepath.Join(w, name), syscall.MNT_DETACH) // fails if it isn't one
		}
		if err := os.RemoveAll(w); err != nil {
			return err
		}
	}
	return nil
}

// play makes one round in a world where all is well with truth, and adds its calls to that.
func (w *world) play(ctx context.Context, seed uint64, truth map[id]made, out io.Writer) (result, error) {
	rd := &round{world: w, seed: seed, events: plan(seed)}
	r := result{Seed: seed}
	for _, e := range rd.events {
		r.Events = append(r.Events, e.String())
		if why := skips(w, e); why != "" {
			r.Skipped = append(r.Skipped, fmt.Sprintf("%s: %s", e, why))
		}
	}
	fmt.Fprintf(out, "seed %d: %s\n", seed, strings.Join(r.Events, "; "))
	starts := w.starts()
	faults := make(chan error, 1)
	go func() { faults <- errors.Join(rd.run(ctx), w.heal(ctx)) }()
	sent, err := send(ctx, w.otlp, seed, time.Now().Add(loadFor))
	if err := errors.Join(err, <-faults); err != nil {
		return r, err
	}
	for i := range rd.events {
		if rd.done[i].Load() {
			r.Happened++
		}
	}
	r.Calls, r.Requests, r.Refused, r.Duplicates, r.Restarts = len(sent.truth), sent.requests, sent.refused, sent.duplicates, w.starts()-starts
	for _, c := range sent.truth {
		truth[c.id] = c
	}
	began, used := time.Now(), w.cpu()
	err = until(ctx, settleLimit, func(ctx context.Context) error {
		select {
		case err := <-w.failed:
			return err
		default:
			return r.Waited.note(w.check(ctx, truth), time.Since(began))
		}
	})
	r.Settled, r.CPU, r.Load = time.Since(began).Seconds(), (w.cpu() - used).Seconds(), load1()
	if err != nil {
		return r, err
	}
	return r, until(ctx, settleLimit, w.checkBy)
}

// wait is one thing that was not right yet when it was last looked at.
type wait struct {
	What  string  `json:"what"`
	Until float64 `json:"until"` // seconds
}

// waits are what was not right yet, in the order in which it was last seen.
type waits []wait

// note takes down what an error begins with.
func (w *waits) note(err error, at time.Duration) error {
	if err == nil {
		return nil
	}
	what, _, _ := strings.Cut(err.Error(), ":")
	*w = append(slices.DeleteFunc(*w, func(x wait) bool { return x.What == what }), wait{what, at.Seconds()})
	return err
}

// String tells the last few.
func (w waits) String() string {
	var out []string
	for _, x := range w[max(0, len(w)-6):] {
		out = append(out, fmt.Sprintf("%s until %.1f s", x.What, x.Until))
	}
	return strings.Join(out, ", ")
}

func (w *world) starts() int {
	n := 0
	for _, p := range w.processes {
		p.mu.Lock()
		n += p.starts
		p.mu.Unlock()
	}
	return n
}

func tell(out io.Writer, r result, rounds int) {
	verdict := "ok"
	if r.Problem != "" {
		verdict = "WRONG: " + r.Problem
	}
	if r.Settled > settleGoal.Seconds() {
		fmt.Fprintf(out, "  slow, at load %.0f: %s\n", r.Load, r.Waited)
	}
	fmt.Fprintf(out, "round %d of %d, seed %d: %d of %d events, %d restarts, %d calls, %d of %d requests refused, %d twice, right after %.1f s: %s\n",
		r.Round, rounds, r.Seed, r.Happened, len(r.Events), r.Restarts, r.Calls, r.Refused, r.Requests, r.Duplicates, r.Settled, verdict)
}

func readResults(path string, resume bool) ([]result, error) {
	if !resume {
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			return nil, err
		}
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		if os.IsNotExist(err) {
			return nil, nil
		}
		return nil, err
	}
	if whole := bytes.LastIndexByte(text, '\n') + 1; whole < len(text) { // we were killed while writing: that round is made again
		if err := os.Truncate(path, int64(whole)); err != nil {
			return nil, err
		}
		text = text[:whole]
	}
	var out []result
	for line := range strings.Lines(string(text)) {
		var r result
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		out = append(out, r)
	}
	return out, nil
}

func appendResult(path string, r result) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	return errors.Join(err, f.Close())
}

func verdict(o Options, done []result) error {
	var calls, restarts, happened, refused, duplicates, bad, slow int
	var settled, cpu, load []float64
	var skipped []string
	for _, r := range done {
		calls, restarts, happened, refused, duplicates = calls+r.Calls, restarts+r.Restarts, happened+r.Happened, refused+r.Refused, duplicates+r.Duplicates
		skipped = append(skipped, r.Skipped...)
		if r.Problem != "" {
			bad++
			continue
		}
		settled, cpu, load = append(settled, r.Settled), append(cpu, r.CPU), append(load, r.Load)
		if r.Settled > settleGoal.Seconds() {
			slow++
		}
	}
	rows := []goals.Row{
		goals.Told("rounds", fmt.Sprintf("%d, seeds %d to %d", len(done), o.Seed, o.Seed+uint64(max(1, len(done))-1))),
		goals.Told("acknowledged calls", fmt.Sprintf("%d; %d requests delivered twice", calls, duplicates)),
		goals.Told("faults that happened", fmt.Sprintf("%d, %d processes started again, %d requests refused and sent again", happened, restarts, refused)),
		goals.Told("faults this machine can't make", fmt.Sprint(len(skipped))),
		goals.AtLeast("rounds made", "%.0f", float64(len(done)), float64(o.Rounds)),
		goals.AtMost("rounds with a loss or a difference", "%.0f", float64(bad), 0),
		goals.AtMost("rounds right after more than 15 s", "%.0f", float64(slow), 0),
		goals.Told("right after, s", spread(settled)),
		goals.Told("  CPU-s of the product meanwhile", spread(cpu)),
		goals.Told("  load of this machine meanwhile", spread(load)),
	}
	for _, what := range stagesOfSettling {
		rows = append(rows, goals.Told("  not right until, s: "+what, spread(untilOf(done, what))))
	}
	return goals.Write(o.Out, "CHAOS", rows, o.JSON)
}

// stagesOfSettling are what waits begin with, in the order of the way of the data.
var stagesOfSettling = []string{"ingest", "dirty minute", "dirty hour", "dirty day"}

// untilOf is, for every round that ended well, until when something that begins with what was not right.
func untilOf(done []result, what string) []float64 {
	var out []float64
	for _, r := range done {
		if r.Problem != "" {
			continue
		}
		last := 0.0
		for _, w := range r.Waited {
			if strings.HasPrefix(w.What, what) {
				last = max(last, w.Until)
			}
		}
		out = append(out, last)
	}
	return out
}

// spread tells a distribution.
func spread(of []float64) string {
	if len(of) == 0 {
		return "none"
	}
	of = slices.Sorted(slices.Values(of))
	at := func(share float64) float64 { return of[min(len(of)-1, int(share*float64(len(of))))] }
	return fmt.Sprintf("p50 %.1f, p90 %.1f, p99 %.1f, at most %.1f", at(0.5), at(0.9), at(0.99), of[len(of)-1])
}
