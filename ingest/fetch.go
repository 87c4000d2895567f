package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/segmentio/kafka-go"
)

// firstPause is that after a first failure; each further one doubles it.
const firstPause = 100 * time.Millisecond

// longer is the pause after the next failure.
func longer(pause, most time.Duration) time.Duration { return min(2*min(pause, most), most) }

func isEnd(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

// lookEvery is how often a partition's log is looked at though fetches succeed: one of a topic that was deleted, created again
// and filled beyond our position meanwhile answers them as if nothing had happened.
const lookEvery = 10 * time.Second

// fetchLoop reads one partition into the buffer, at most limit bytes at once, until ctx ends (nil) or the partition needs a
// new start (an error).
func (s *stream) fetchLoop(ctx context.Context, partition int, at position, limit int, waiting *buffer) error {
	step := "fetch partition " + strconv.Itoa(partition) // so that no other partition's success hides its trouble
	check := false                                       // look at the tail again before the next fetch
	unreadable := 0                                      // fetches in a row that gave no readable record
	again := firstPause
	looked := time.Now()
	for ctx.Err() == nil {
		if !waiting.wait(ctx) {
			return nil
		}
		if check = check || time.Since(looked) >= s.lookEvery; check {
			if err := s.verify(ctx, partition, at); err != nil {
				return err
			}
			check, looked = false, time.Now()
		}
		began := s.now()
		got, err := s.brokers.fetch(ctx, s.topic, partition, at.next, limit)
		if err == nil && len(got.records) == 0 && at.next < got.end { // something is there, but no record
			var next int64
			if next, err = s.brokers.afterEmpty(ctx, s.topic, partition, at.next); err == nil {
				s.log.Error("a batch without records in the log: what was there is lost", "topic", s.topic, "partition", partition, "from", at.next, "to", next)
				waiting.put(&chunk{partition: partition, gapFrom: at.next, first: next, next: next})
				at = position{next: next}
				continue
			}
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, kafka.OffsetOutOfRange):
			return err
		case errors.Is(err, errUnreadable) && len(got.records) == 0 && unreadable == 2:
			unreadable = 0
			next, err := s.setAside(ctx, partition, at.next)
			if err != nil {
				return err
			}
			waiting.put(&chunk{partition: partition, gapFrom: at.next, first: at.next, next: next})
			at = position{next: next}
			continue
		case err != nil && len(got.records) == 0:
			if check = !errors.Is(err, errUnreadable); !check {
				unreadable++
			}
			s.health.set(step, err)
			s.metrics.retries.WithLabelValues("fetch").Inc()
			s.log.Warn("can't fetch yet", "topic", s.topic, "partition", partition, "offset", at.next, "error", err)
			pause(ctx, min(again, s.cfg.RetryMax))
			again = longer(again, s.cfg.RetryMax)
			continue
		}
		s.health.set(step, nil)
		s.lag.sawEnd(partition, got.end)
		unreadable, again = 0, firstPause
		for _, c := range cut(partition, at.next, got) {
			if c.first > at.next {
				s.log.Error("offsets are missing in the log: what was there is lost",
					"topic", s.topic, "partition", partition, "from", at.next, "to", c.first)
			}
			at = position{next: c.next, hash: c.hash}
			waiting.put(c)
		}
		if err == nil && at.next >= got.end {
			s.fresh.sawEnd(partition, at.next, began)
		}
	}
	return nil
}

// verify repeats the sink's look at the log until it gets an answer.
func (s *stream) verify(ctx context.Context, partition int, at position) error {
	return s.retry(ctx, "verify", func(ctx context.Context) error {
		err := s.sink.verify(ctx, partition, at)
		if errors.Is(err, errLogChanged) {
			return permanent{err}
		}
		return err
	})
}

func (s *stream) setAside(ctx context.Context, partition int, offset int64) (next int64, err error) {
	err = s.retry(ctx, "dead letter", func(ctx context.Context) (err error) {
		next, err = s.sink.unreadable(ctx, partition, offset)
		if errors.Is(err, kafka.OffsetOutOfRange) { // another log
			return permanent{err}
		}
		return err
	})
	return next, err
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// chunk is a run of records of one partition without a hole.
type chunk struct {
	partition   int
	gapFrom     int64 // the offset expected; below first: the records between are gone
	first, next int64
	hash        uint64 // of the last record's value
	records     []record
	bytes       int
}

// cut makes chunks of fetched records, a new one after each hole.
func cut(partition int, expected int64, got fetched) []*chunk {
	var chunks []*chunk
	var c *chunk
	for i := range got.records {
		r := &got.records[i]
		if c == nil || r.offset != c.next {
			c = &chunk{partition: partition, gapFrom: expected, first: r.offset}
			chunks = append(chunks, c)
		}
		c.records = append(c.records, *r)
		c.bytes += r.size()
		c.next = r.offset + 1
		expected = c.next
		c.hash = xxhash.Sum64(r.value)
	}
	return chunks
}

func (c *chunk) String() string {
	return fmt.Sprintf("%d [%d, %d)", c.partition, c.first, c.next)
}
