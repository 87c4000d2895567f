package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

// stream brings one topic to a sink: it is a member of a consumer group, fetches its partitions, hands what came within
// a tick to the sink in one go, and commits what the sink has stored.
type stream struct {
	name    string // calls or spans
	topic   string
	group   string
	cfg     Config
	log     *slog.Logger
	metrics *metrics
	health  *health
	brokers *brokers
	sink    sink
	lag     *lag
	fresh   *freshness            // how far the topic is complete
	beat    func(context.Context) // tells it, when nothing else is to be done; nil: nobody asks
	now     func() time.Time
	// lookEvery is the constant, but in tests.
	lookEvery time.Duration
	step      func(string) error // tests fail or kill between steps; nil otherwise
	shared    func()             // tests: the leader has counted the partitions
}

// sink stores one topic's records.
type sink interface {
	// begin is called with each new assignment, before anything is fetched, and says where to start. It may fail; then
	// it is called again.
	begin(ctx context.Context, committed map[int]int64) (map[int]position, error)
	// prepare reads the chunks and returns what stores them. When that returns nil, everything before each chunk's end may
	// be committed. It is called while the chunks before are being stored, but never two batches ahead.
	prepare(chunks []*chunk) (store func(context.Context) error)
	// verify looks whether a partition is still the log that begin saw: its next record is position.next, the one
	// before hashes to position.hash (0 = unknown). It returns errLogChanged if not.
	verify(ctx context.Context, partition int, at position) error
	// unreadable is asked what to do with a record batch that can't be decoded. It sets the batch aside and returns the
	// offset after it, or an error if it must be tried again.
	unreadable(ctx context.Context, partition int, offset int64) (int64, error)
}

// position is a place in a partition's log.
type position struct {
	next int64  // offset of the record to read next
	hash uint64 // of the record before it; 0 = unknown
}

// errLogChanged says that a partition isn't the log any more that it was when the generation began.
var errLogChanged = errors.New("the log is another one than before")

// run works until ctx ends. Then it stores and commits what it has read, within Config.Drain, and leaves the group.
func (s *stream) run(ctx context.Context) error {
	sharing := newBalancer(s.topic, s.shared)
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: s.group, Brokers: s.brokers.addresses, Dialer: s.brokers.dialer, Topics: []string{s.topic},
		GroupBalancers:    []kafka.GroupBalancer{sharing},
		HeartbeatInterval: s.cfg.Heartbeat, SessionTimeout: s.cfg.Session, RebalanceTimeout: max(s.cfg.Session/2, 2*s.cfg.Heartbeat),
		JoinGroupBackoff: min(time.Second, s.cfg.RetryMax), StartOffset: kafka.FirstOffset,
	})
	if err != nil {
		return fmt.Errorf("join group %s: %w", s.group, err)
	}
	defer func() { _ = group.Close() }()
	for {
		gen, err := group.Next(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, kafka.RebalanceInProgress):
			continue
		case err != nil:
			s.health.set("kafka", fmt.Errorf("join group %s: %w", s.group, err))
			s.metrics.retries.WithLabelValues("join").Inc()
			s.log.Warn("can't join the consumer group yet", "group", s.group, "brokers", s.brokers.addresses, "error", err)
			continue
		}
		done := make(chan struct{})
		gen.Start(func(genCtx context.Context) {
			defer close(done)
			s.generation(ctx, genCtx, gen, sharing.shared.Swap(notLeader))
		})
		<-done
		pause(ctx, min(50*time.Millisecond, s.cfg.RetryMax)) // a generation that fails at once must not spin
	}
}

// generation reads and stores the assigned partitions until the generation or ctx ends, a partition needs a new start, or
// the topic has other partitions than this member, as the leader, shared out.
func (s *stream) generation(ctx, genCtx context.Context, gen *kafka.Generation, shared int64) {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	defer watch(genCtx, end)()
	reading, stopReading := context.WithCancel(life)
	defer stopReading()
	defer context.AfterFunc(ctx, stopReading)()

	committed := map[int]int64{}
	for _, a := range gen.Assignments[s.topic] {
		committed[a.ID] = a.Offset // negative: none
	}
	s.metrics.generations.WithLabelValues(s.name).Inc()
	s.metrics.partitions.WithLabelValues(s.name).Set(float64(len(committed)))
	s.log.Info("partitions assigned", "group", s.group, "generation", gen.ID, "partitions", len(committed))
	if shared != notLeader {
		watching := make(chan struct{})
		go func() { defer close(watching); s.watchPartitions(reading, int(shared)); stopReading() }()
		defer func() { stopReading(); <-watching }()
	}
	starts, ok := s.begin(reading, committed)
	if !ok {
		return
	}
	if err := s.commitStarts(gen, committed, starts); err != nil {
		s.log.Warn("a generation ends early", "group", s.group, "error", err)
		return
	}
	s.health.clear()
	waiting := newBuffer(s.cfg.MaxInsert, s.cfg.MaxWaiting, s.metrics.waiting.WithLabelValues(s.name))
	limit := max(1, s.cfg.MaxFetch/max(1, len(starts))) // together they ask for MaxFetch
	var fetchers sync.WaitGroup
	for partition, at := range starts {
		fetchers.Go(func() {
			if err := s.fetchLoop(reading, partition, at, limit, waiting); err != nil {
				s.log.Warn("a partition begins anew", "topic", s.topic, "partition", partition, "reason", err)
				stopReading()
			}
		})
	}
	if len(starts) == 0 { // more members than partitions: keep the membership
		fetchers.Go(func() { <-reading.Done() })
	}
	fetchers.Go(func() { s.storeLoop(reading, life, gen, waiting); stopReading() })
	fetchers.Wait()
	waiting.discard()
}

// commitStarts commits where reading starts, where that is not what was committed: so that the group's offsets tell the
// truth to whoever looks at them, also while no record comes.
func (s *stream) commitStarts(gen *kafka.Generation, committed map[int]int64, starts map[int]position) error {
	offsets := map[int]int64{}
	for partition, at := range starts {
		if at.next != committed[partition] {
			offsets[partition] = at.next
		}
	}
	if len(offsets) == 0 {
		return nil
	}
	if err := gen.CommitOffsets(map[string]map[int]int64{s.topic: offsets}); err != nil {
		return fmt.Errorf("commit offsets of group %s: %w", s.group, err)
	}
	return nil
}

// watch calls end when a generation's context is done; the returned func stops watching. kafka-go's context is of its
// own type, for which context.AfterFunc would leave a goroutine until the generation ends.
func watch(genCtx context.Context, end func()) func() {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		select {
		case <-genCtx.Done():
			end()
		case <-stop:
		}
	}()
	return func() { close(stop); <-stopped }
}

// begin asks the sink where to start until it knows.
func (s *stream) begin(ctx context.Context, committed map[int]int64) (map[int]position, bool) {
	var starts map[int]position
	err := s.retry(ctx, "start", func(ctx context.Context) (err error) {
		starts, err = s.sink.begin(ctx, committed)
		return err
	})
	return starts, err == nil
}

// prepared is what one step stores and commits; without chunks there is nothing but the time to be told.
type prepared struct {
	chunks []*chunk
	store  func(context.Context) error
}

// storeLoop stores what waits, at each tick or sooner, until life ends. When reading ends it stores what is left, within
// Config.Drain. While a batch is being stored the next one is prepared.
func (s *stream) storeLoop(reading, life context.Context, gen *kafka.Generation, waiting *buffer) {
	life, cancel := context.WithCancel(life)
	defer cancel()
	defer context.AfterFunc(reading, func() {
		drain := time.AfterFunc(s.cfg.Drain, cancel)
		context.AfterFunc(life, func() { drain.Stop() })
	})()
	ready, ended := make(chan prepared), make(chan struct{})
	go func() {
		defer close(ended)
		s.storePrepared(life, gen, ready)
	}()
	defer func() { close(ready); <-ended }()
	tick := time.NewTicker(s.cfg.Tick)
	defer tick.Stop()
	for {
		last := false
		select {
		case <-life.Done():
			return
		case <-ended:
			return
		case <-reading.Done():
			last = true
		case <-tick.C:
		case <-waiting.full:
		}
		p := prepared{chunks: waiting.take()}
		if len(p.chunks) == 0 {
			if last {
				return
			}
			select {
			case ready <- p:
			default: // something is being stored: the time is told after that
			}
			continue
		}
		p.store = s.sink.prepare(p.chunks)
		select {
		case <-life.Done():
			return
		case <-ended:
			return
		case ready <- p:
		}
	}
}

// storePrepared stores and commits one batch after another, until there is none any more or one fails.
func (s *stream) storePrepared(life context.Context, gen *kafka.Generation, ready <-chan prepared) {
	for p := range ready {
		if len(p.chunks) > 0 {
			if err := s.store(life, gen, p); err != nil {
				if life.Err() == nil {
					s.log.Warn("a generation ends early", "group", s.group, "error", err)
				}
				return
			}
		}
		s.tellFreshness(life)
	}
}

func (s *stream) tellFreshness(ctx context.Context) {
	if s.beat != nil {
		s.beat(ctx)
	}
}

// store makes one step of DESIGN D3: the sink, then the fenced commit.
func (s *stream) store(ctx context.Context, gen *kafka.Generation, p prepared) error {
	if err := p.store(ctx); err != nil {
		return err
	}
	if err := s.at("commit"); err != nil {
		return err
	}
	offsets := map[int]int64{}
	for _, c := range p.chunks {
		offsets[c.partition] = max(offsets[c.partition], c.next)
	}
	if err := gen.CommitOffsets(map[string]map[int]int64{s.topic: offsets}); err != nil {
		return fmt.Errorf("commit offsets of group %s: %w", s.group, err)
	}
	for _, c := range p.chunks {
		s.fresh.stored(c.partition, c.next)
		s.lag.stored(c.partition, c.next)
		s.metrics.records.WithLabelValues(s.name).Add(float64(len(c.records)))
		s.metrics.bytes.WithLabelValues(s.name).Add(float64(c.bytes))
	}
	return s.at("committed")
}

func (s *stream) at(step string) error {
	if s.step == nil {
		return nil
	}
	return s.step(s.name + "/" + step)
}

// retry calls f until it succeeds, ctx ends or f returns a permanent error, with growing pauses.
func (s *stream) retry(ctx context.Context, step string, f func(context.Context) error) error {
	wait := min(firstPause, s.cfg.RetryMax)
	for attempt := 1; ; attempt++ {
		err := f(ctx)
		if err == nil {
			s.health.set(step, nil)
			return nil
		}
		var p permanent
		if ctx.Err() != nil || errors.As(err, &p) {
			return err
		}
		s.health.set(step, err)
		s.metrics.retries.WithLabelValues(step).Inc()
		level := slog.LevelWarn
		if errors.Is(err, errSchema) {
			level = slog.LevelError
		}
		s.log.Log(ctx, level, "waiting for a server; nothing is lost, records stay in Kafka",
			"step", step, "attempt", attempt, "again_in", wait, "error", err)
		if !pause(ctx, wait) {
			return err
		}
		wait = longer(wait, s.cfg.RetryMax)
	}
}

// permanent wraps an error that trying again doesn't cure.
type permanent struct{ error }

// Unwrap returns the wrapped error.
func (p permanent) Unwrap() error { return p.error }
