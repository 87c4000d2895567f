package keeper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/internal/textfile"
)

// Backend is a gateway's admin API.
type Backend interface {
	// Supports says why the gateway can't enforce the command; nil: it can.
	Supports(cmd gateway.Command) error
	// Read is what the gateway has for the subject now, in a form that Restore understands.
	Read(ctx context.Context, s gateway.Subject) (json.RawMessage, error)
	// Set puts the command's limits in force; prior is what Read said before the first of them.
	Set(ctx context.Context, cmd gateway.Command, prior json.RawMessage) error
	// Restore puts back what was there.
	Restore(ctx context.Context, s gateway.Subject, prior json.RawMessage) error
	// Enforces reports whether what Read said just now is what the command wants.
	Enforces(cmd gateway.Command, now, prior json.RawMessage) bool
}

// Options of a Keeper.
type Options struct {
	File     string           // where leases are kept; its folder has to exist
	MaxLease time.Duration    // longest lease accepted; one hour if 0
	Now      func() time.Time // time.Now if nil
	Log      *slog.Logger     // nothing is logged if nil
}

// mostSubjects bounds what is kept, restored leases included.
const mostSubjects = 10_000

// record is one subject's lease in the file.
type record struct {
	Command gateway.Command `json:"command"`
	Prior   json.RawMessage `json:"prior,omitempty"` // what to restore; empty: nothing is set
	until   time.Time       // gateway.Command.Until, of its receipt or of this process's start
}

// Keeper is a gateway.Receiver. Run restores what has expired.
type Keeper struct {
	opts    Options
	backend Backend
	wake    chan struct{}
	mu      sync.Mutex // one act at a time: an admin API's reads and writes don't mix
	held    map[gateway.Subject]*record
}

// New reads the file, if there is one.
func New(b Backend, opts Options) (*Keeper, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.MaxLease == 0 {
		opts.MaxLease = time.Hour
	}
	k := &Keeper{opts: opts, backend: b, wake: make(chan struct{}, 1), held: map[gateway.Subject]*record{}}
	text, err := textfile.Read(opts.File)
	if errors.Is(err, fs.ErrNotExist) {
		return k, nil
	}
	if err != nil {
		return nil, fmt.Errorf("keeper: read leases: %w", err)
	}
	var all []record
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("keeper: leases in %s: %w; it says what to restore at the gateway: mend it, or restore by hand and remove it", opts.File, err)
	}
	now := opts.Now()
	for _, r := range all {
		r.until = r.Command.Until(now)
		k.held[r.Command.Subject] = &r
	}
	return k, nil
}

// save writes the file so that a crash leaves the old or the new one.
func (k *Keeper) save() error {
	all := make([]record, 0, len(k.held))
	for _, r := range k.held {
		all = append(all, *r)
	}
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(k.opts.File), ".leases-*")
	if err != nil {
		return fmt.Errorf("keeper: write leases: %w", err)
	}
	defer os.Remove(f.Name()) // gone already if it was renamed
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), k.opts.File)
	}
	if err != nil {
		return fmt.Errorf("keeper: write leases: %w", err)
	}
	return nil
}

// Receive takes a command as gateway.Limiter does: a lower or equal sequence changes nothing.
func (k *Keeper) Receive(ctx context.Context, cmd gateway.Command) (gateway.Ack, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.opts.Now()
	if err := gateway.Acceptable(cmd, now, k.opts.MaxLease); err != nil {
		return gateway.Ack{}, err
	}
	bites := cmd.Level != gateway.Release && cmd.Level != gateway.Notify && !cmd.DryRun
	if bites {
		if err := k.backend.Supports(cmd); err != nil {
			return gateway.Ack{}, fmt.Errorf("%w: %w", gateway.ErrUnsupported, err)
		}
	}
	r := k.held[cmd.Subject]
	if r != nil && cmd.Sequence <= r.Command.Sequence {
		s, err := k.state(ctx, r)
		return gateway.Ack{Ignored: "stale sequence", State: s}, err
	}
	if r == nil {
		if k.forget(now); len(k.held) >= mostSubjects {
			return gateway.Ack{}, fmt.Errorf("%w: %d", gateway.ErrFull, len(k.held))
		}
		r = &record{}
	}
	next := record{Command: cmd, Prior: r.Prior, until: cmd.Until(now)}
	if bites && len(next.Prior) == 0 {
		prior, err := k.backend.Read(ctx, cmd.Subject)
		if err != nil {
			return gateway.Ack{}, fmt.Errorf("read what %s has: %w", cmd.Subject, err)
		}
		next.Prior = prior
	}
	old, had := k.held[cmd.Subject]
	k.held[cmd.Subject] = &next
	if err := k.save(); err != nil { // before anything is set: what was there must be known to restore it
		delete(k.held, cmd.Subject)
		if had {
			k.held[cmd.Subject] = old
		}
		return gateway.Ack{}, err
	}
	if err := k.act(ctx, &next, bites); err != nil {
		// The sender tries again with the same sequence: it must not be taken for stale.
		next.Command.Sequence = r.Command.Sequence
		return gateway.Ack{}, errors.Join(err, k.save())
	}
	select {
	case k.wake <- struct{}{}:
	default:
	}
	s, err := k.state(ctx, &next)
	return gateway.Ack{Applied: true, State: s}, err
}

// act sets or restores.
func (k *Keeper) act(ctx context.Context, r *record, bites bool) error {
	if bites {
		if err := k.backend.Set(ctx, r.Command, r.Prior); err != nil {
			return fmt.Errorf("set limits of %s: %w", r.Command.Subject, err)
		}
		return nil
	}
	if len(r.Prior) == 0 {
		return nil
	}
	return k.restore(ctx, r)
}

func (k *Keeper) restore(ctx context.Context, r *record) error {
	if err := k.backend.Restore(ctx, r.Command.Subject, r.Prior); err != nil {
		return fmt.Errorf("restore limits of %s: %w", r.Command.Subject, err)
	}
	r.Prior = nil
	return k.save()
}

// forget makes room as gateway.Limiter does.
func (k *Keeper) forget(now time.Time) {
	if len(k.held) < mostSubjects {
		return
	}
	for s, r := range k.held {
		if len(r.Prior) == 0 && now.Sub(r.Command.Issued) > k.opts.MaxLease && !now.Before(r.Command.Expires) {
			delete(k.held, s)
		}
	}
}

// Holds reads back from the gateway itself, not from memory.
func (k *Keeper) Holds(ctx context.Context, s gateway.Subject) (gateway.State, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	r := k.held[s]
	if r == nil {
		return gateway.State{Command: gateway.Command{Subject: s}}, nil
	}
	return k.state(ctx, r)
}

func (k *Keeper) state(ctx context.Context, r *record) (gateway.State, error) {
	s := gateway.State{Command: r.Command}
	if len(r.Prior) == 0 || !k.opts.Now().Before(r.until) {
		return s, nil
	}
	now, err := k.backend.Read(ctx, r.Command.Subject)
	if err != nil {
		return s, fmt.Errorf("read back %s: %w", r.Command.Subject, err)
	}
	s.InForce = k.backend.Enforces(r.Command, now, r.Prior)
	return s, nil
}

// retryRestore is the wait after a restore that failed: until then somebody is throttled without a lease.
const retryRestore = 2 * time.Second

// Run restores what has expired, also what a process before left, until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	for {
		timer := time.NewTimer(k.Expire(ctx))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-k.wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// Expire restores what has expired by now, and returns when the next lease ends.
func (k *Keeper) Expire(ctx context.Context) (next time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	next = time.Hour
	now := k.opts.Now()
	for s, r := range k.held {
		if len(r.Prior) == 0 {
			continue
		}
		if left := r.until.Sub(now); left > 0 {
			next = min(next, left)
			continue
		}
		if err := k.restore(ctx, r); err != nil {
			k.opts.Log.Error("a lease has ended and the gateway's limits are not restored; it is tried again", "subject", s, "error", err)
			next = min(next, retryRestore)
			continue
		}
		k.opts.Log.Info("a lease has ended, limits are restored", "subject", s)
	}
	return next
}
