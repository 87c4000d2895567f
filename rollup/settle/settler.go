package settle

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
	"github.com/tollkeeper/tollkeeper/schema"
)

// Settler decides the candidates of a minute before it is rolled up.
type Settler struct {
	store     store
	log       *slog.Logger
	metrics   *Metrics
	prices    *pricing.Watch
	now       func() time.Time
	last      atomic.Int64            // how many reports a minute had last: about as many as the next look will find
	interrupt func(step string) error // tests stop it after a step
}

// New returns a settler of a database. Metrics may be nil. Prices rate what an aggregate used beside its calls; without them such
// a call is unpriced.
func New(conn driver.Conn, log *slog.Logger, metrics *Metrics, prices *pricing.Watch) *Settler {
	return &Settler{store: store{conn}, log: log, metrics: metrics, prices: prices, now: time.Now}
}

// The steps of Settle, in order: what a late twin changes must be marked before the decision is there, else a stop between the
// two would leave the other minute's total as it was (facts: searched; model_test.go).
const (
	afterRead    = "read"
	afterMark    = "mark"
	afterReserve = "reserve"
	afterLeaves  = "leaves"
	afterWrite   = "write"
)

// maxLooks ends a settlement whose decisions keep changing while it looks: then too many come at once, and the marks stay.
const maxLooks = 20

// mostRoom is for how many reports room is made before they come: 2.5 MB, in each of the minutes that are settled side by side. It is also from where on
// looking for the others is worth more than one of the engine's threads.
const mostRoom = 1 << 14

// Settle decides the groups that have a report in the minute, and the aggregates. Where a decision differs from the stored one it
// marks the minutes of the reports that change, then writes the decision, then looks again, until nothing differs: while it was at
// it, another one may have decided by more reports, and of two decisions under one number chance says which holds
// (docs/adr/0027-settling-twice.md). A mark that is due later has it looked at again if it stops before that; a decision that comes so late
// that somebody may have taken that mark isn't written. It can be stopped anywhere and run by several at once.
//
// An aggregate that hasn't ended long enough ago stays provisional: it counts nowhere, and a mark that is due later brings the
// minute back. What its calls don't explain becomes a call of its own, whose report is written between two decisions: one that
// says that it doesn't count yet, and the final one. So no report that counts is ever missing, or there without being known.
func (s *Settler) Settle(ctx context.Context, minute time.Time) error {
	var marks []string // for later, of the looks that wrote
	for range maxLooks {
		later := uuid.NewString()
		wrote, err := s.look(ctx, minute, later)
		if err != nil {
			return err
		}
		if !wrote {
			if err := s.store.unmark(ctx, minute, marks); err != nil {
				return wrap("take its marks for later back", minute, err)
			}
			return nil
		}
		marks = append(marks, later)
	}
	return fmt.Errorf("settle %s: its decisions were changed by others %d times while it looked; the next run goes on", minute.Format(time.RFC3339), maxLooks)
}

// LookAgain asks for a new look at the aggregates of [from, to) that have calls in their trace and a rest that nothing explains: a
// call that is no candidate, or that came long after its aggregate's start, doesn't bring the aggregate's minute back by itself.
func (s *Settler) LookAgain(ctx context.Context, from, to time.Time) error {
	if err := s.store.conn.Exec(ctx, schema.SQL("settle/mark_agents"), named("from", from), named("to", to), named("unseen", uint32(ledger.FlagUnseenLeaf))); err != nil {
		return fmt.Errorf("mark aggregates to be looked at again: %w", err)
	}
	return nil
}

// look decides once; wrote says whether a decision differed from the stored one.
func (s *Settler) look(ctx context.Context, minute time.Time, later string) (wrote bool, err error) {
	n := neighbours{store: &s.store, minute: minute, whole: map[ID]uint64{}, others: map[ID]Report{}, reports: newIndex(func(r *Report) *ID { return &r.ID })}
	n.stored = newDecisions(&n.reports)
	last := int(s.last.Load())
	n.reports.grow(last)
	n.few = last > 0 && last < mostRoom
	if err := n.collect(ctx); err != nil {
		return false, err
	}
	s.last.Store(int64(min(len(n.reports.all), mostRoom)))
	if len(n.reports.all) == 0 {
		return false, nil
	}
	if err := s.stop(afterRead); err != nil {
		return false, err
	}
	groups := decideAll(merged(n.reports.all, n.order))
	s.metrics.count(groups)
	aggregates, wait := n.aggregates(s.now())
	if len(wait) > 0 {
		s.metrics.provisional(len(wait))
		if err := s.store.markLater(ctx, minute, wait); err != nil {
			return false, wrap("mark it for when its aggregates are due", minute, err)
		}
	}
	unseen := DecideAggregates(aggregates, groups, slices.Collect(maps.Values(n.others)))
	s.metrics.countUnseen(unseen)
	c := changes{stored: &n.stored, touched: map[int64]bool{}}
	for i := range groups {
		c.group(&groups[i])
	}
	for i := range unseen {
		c.aggregate(&unseen[i])
	}
	return len(c.final) > 0, s.write(ctx, minute, later, &c)
}

// write stores what has changed.
func (s *Settler) write(ctx context.Context, minute time.Time, later string, c *changes) error {
	if len(c.final) == 0 {
		return nil
	}
	minutes := slices.Sorted(maps.Keys(c.touched))
	steps := []struct {
		name, what string
		do         func() error
	}{
		{afterMark, "mark the minutes it changes", func() error { return s.store.mark(ctx, minutes, minute, later) }},
		{afterReserve, "reserve its unseen leaves", func() error { return s.store.write(ctx, writing{minute, later, false}, c.reserved) }},
		{afterLeaves, "write its unseen leaves", func() error { return s.leaves(ctx, c.leaves) }},
		{afterWrite, "write its decisions", func() error { return s.store.write(ctx, writing{minute, later, true}, c.final) }},
	}
	for _, step := range steps {
		if len(c.leaves) == 0 && (step.name == afterReserve || step.name == afterLeaves) {
			continue
		}
		if err := step.do(); err != nil {
			return wrap(step.what, minute, err)
		}
		if err := s.stop(step.name); err != nil {
			return err
		}
	}
	s.log.Debug("settled", "minute", minute, "groups", len(c.final), "minutes", len(minutes))
	return nil
}

func (s *Settler) stop(step string) error {
	if s.interrupt == nil {
		return nil
	}
	return s.interrupt(step)
}

// neighbours are all reports that can have to do with a minute's candidates, and what was decided of them.
type neighbours struct {
	store     *store
	minute    time.Time
	few       bool // the last look, at whatever minute, found few reports
	reports   index[Report]
	stored    decisions
	own       int               // how many of the reports are the minute's own: the first
	order     []int32           // these, by their identities
	traces    map[[16]byte]bool // looked up; nil: those of the own ones, see ownKeys
	responses map[uint64]bool
	whole     map[ID]uint64 // aggregates whose whole time was looked over: their versions
	others    map[ID]Report // calls beneath them that nobody repeats
}

// Bounds of looking for more and more neighbours.
const (
	maxRounds    = 20
	keysPerQuery = 2000 // keeps a statement's parameters far below a server's limit on a URL's length (1 MiB)
)

// keys are what is to be looked up.
type keys struct {
	traces    [][16]byte
	responses []uint64
}

// collect reads the minute's candidates and looks up who shares a trace or a unique response id with them, then with those,
// until nobody new comes.
func (n *neighbours) collect(ctx context.Context) error {
	var ask keys
	others, err := n.around(ctx, Reach, &ask)
	if err == nil && slices.ContainsFunc(n.reports.all, func(r Report) bool { return r.Flags&ledger.FlagStartOutside != 0 }) {
		n.stored, n.traces, n.responses, ask = newDecisions(&n.reports), nil, nil, keys{} // what was known then is told again, or isn't so any more
		others, err = n.around(ctx, MaxSpan, &ask)                                        // its copies were stored when they came
	}
	if err != nil || n.own == 0 {
		return err
	}
	n.add(others, &ask)
	for range maxRounds {
		if len(ask.traces) > 0 || len(ask.responses) > 0 {
			if ask, err = n.more(ctx, ask); err != nil {
				return err
			}
			continue
		}
		again := false
		if ask, again, err = n.lookOver(ctx); err != nil || !again {
			return err
		}
	}
	return nil // a chain this long is over the bounds of a group anyway: what was not seen is decided from its own minute
}

// around reads the minute's candidates, those of other minutes within reach that have a key of theirs, and what was decided of them: all side by
// side, since none has to be the older (docs/adr/0048-claiming-while-settling.md). What is known of its own ones is taken in as it comes: the
// others take longest to find.
func (n *neighbours) around(ctx context.Context, reach time.Duration, ask *keys) (others []Report, err error) {
	minute, from, to := named("minute", n.minute), named("from", n.minute.Add(-reach)), named("to", n.minute.Add(reach+time.Minute))
	if n.few && reach == Reach { // a day is much to read, however little is found
		ctx = oneThread(ctx)
	}
	reading, ctx := errgroup.WithContext(ctx)
	own := make(chan struct{}) // closed when they are read
	reading.Go(func() error {
		err := n.store.eachReport(ctx, func(r *Report) { n.take(r) }, "settle/own", minute)
		n.own = len(n.reports.all)
		n.stored.grow()
		close(own)
		n.order = sortedFrom(n.reports.all, 0)
		return wrap("read its candidates", n.minute, err)
	})
	reading.Go(func() (err error) {
		others, err = n.store.reports(ctx, "settle/around", minute, from, to, named("unique", uint32(ledger.FlagUniqueID)))
		return wrap("read the candidates around it", n.minute, err)
	})
	reading.Go(func() error {
		err := n.readDecisions(ctx, own, ask, minute, from, to)
		return wrap("read earlier decisions", n.minute, err)
	})
	err = reading.Wait()
	return others, err
}

// readDecisions takes in what was decided, in the order in which it comes: from when the minute's own reports are read. It doesn't wait for them while it
// reads, since it would hold a connection that the other statement may need.
func (n *neighbours) readDecisions(ctx context.Context, own <-chan struct{}, ask *keys, args ...any) error {
	var early []decision
	take := func() {
		for i := range early {
			n.decided(&early[i], ask)
		}
		early = early[:0]
	}
	err := n.store.eachDecision(ctx, func(d *decision) {
		select {
		case <-own:
			take()
			n.decided(d, ask)
		default:
			early = append(early, *d)
		}
	}, "settle/stored", args...)
	<-own
	take()
	return err
}

// take takes a report in, and says whether it is new: another one, or a newer version.
func (n *neighbours) take(r *Report) bool {
	old, ok := n.reports.put(r)
	if !ok {
		return true
	}
	newer := old.Version < r.Version
	if newer {
		*old = *r
	}
	return newer
}

// isOwn says that an identity is that of one of the minute's own candidates, whose keys are looked up with it.
func (n *neighbours) isOwn(id *ID) bool {
	if id.Minute != n.minute.Unix() {
		return false
	}
	at := n.reports.at(id)
	return at >= 0 && at < n.own
}

// lookUp says that a trace is to be looked up. Those of the minute's own candidates are known when the first other one is asked for: most minutes
// have few twins elsewhere.
func (n *neighbours) lookUp(trace [16]byte) bool {
	n.ownKeys()
	if n.traces[trace] {
		return false
	}
	n.traces[trace] = true
	return true
}

func (n *neighbours) ownKeys() {
	if n.traces != nil {
		return
	}
	n.traces, n.responses = make(map[[16]byte]bool, n.own), make(map[uint64]bool, n.own)
	for i := range n.reports.all[:n.own] {
		r := &n.reports.all[i]
		n.traces[r.Trace] = true
		if id := r.unique(); id != 0 {
			n.responses[id] = true
		}
	}
}

// more looks up traces and responses, in [first − reach, last + reach] of all that was found, and says what is to be looked up after that.
func (n *neighbours) more(ctx context.Context, now keys) (ask keys, err error) {
	lo, hi := n.minute.Unix(), n.minute.Unix()
	for i := range n.reports.all {
		lo, hi = min(lo, n.reports.all[i].Minute), max(hi, n.reports.all[i].Minute)
	}
	lo, hi = max(lo, n.minute.Add(-MaxSpan).Unix()), min(hi, n.minute.Add(MaxSpan).Unix())
	from, to := time.Unix(lo, 0).UTC().Add(-Reach), time.Unix(hi, 0).UTC().Add(Reach+time.Minute)
	for len(now.traces) > 0 || len(now.responses) > 0 {
		t, r := min(len(now.traces), keysPerQuery), min(len(now.responses), keysPerQuery)
		asked := hexTraces(now.traces[:t])
		found, err := n.store.reports(ctx, "settle/more", named("from", from), named("to", to), named("traces", asked), named("responses", now.responses[:r]))
		if err != nil {
			return ask, wrap("look for more twins", n.minute, err)
		}
		n.add(found, &ask)
		if t > 0 {
			err := n.store.eachDecision(ctx, func(d *decision) { n.decided(d, &ask) }, "settle/stored_more", named("from", from), named("to", to), named("traces", asked))
			if err != nil {
				return ask, wrap("read more earlier decisions", n.minute, err)
			}
		}
		now.traces, now.responses = now.traces[t:], now.responses[r:]
	}
	return ask, nil
}

// add takes reports in and asks for the keys that nobody has looked up yet.
func (n *neighbours) add(found []Report, ask *keys) {
	for i := range found {
		r := &found[i]
		if !n.take(r) || n.isOwn(&r.ID) {
			continue
		}
		n.trace(&r.ID, ask)
		if id := r.unique(); id != 0 && !n.responses[id] {
			n.responses[id] = true
			ask.responses = append(ask.responses, id)
		}
	}
}

// decided takes a decision in. Who gave way to a report, or had a report give way to it, is looked up too: its decision may be void.
func (n *neighbours) decided(d *decision, ask *keys) {
	at := n.reports.at(&d.ID)
	if !n.stored.take(d, at) {
		return
	}
	if at < 0 || at >= n.own {
		n.trace(&d.ID, ask)
	}
	if d.Winner != (ID{}) {
		n.trace(&d.Winner, ask)
	}
}

// trace asks for the trace of an identity that isn't one of the minute's own.
func (n *neighbours) trace(id *ID, ask *keys) {
	if !n.isOwn(id) && n.lookUp(id.Trace) {
		ask.traces = append(ask.traces, id.Trace)
	}
}
