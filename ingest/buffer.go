package ingest

import (
	"context"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// buffer holds the chunks that were fetched and wait to be stored. It is bounded by bytes: fetchers wait while it holds
// max, so that memory stays below max plus what one round of fetches brings: Config.MaxFetch for all partitions together,
// but at least a record batch of each. That is as compressed as the broker keeps it, and several times as much here.
type buffer struct {
	full  chan struct{} // gets a token when a batch's worth of bytes waits
	batch int
	max   int
	gauge prometheus.Gauge

	mu     sync.Mutex
	chunks []*chunk
	bytes  int
	room   chan struct{} // closed when there is room; nil while there is
}

func newBuffer(batch, most int, gauge prometheus.Gauge) *buffer {
	return &buffer{full: make(chan struct{}, 1), batch: batch, max: most, gauge: gauge}
}

// wait returns true once there is room, false when ctx ends first.
func (b *buffer) wait(ctx context.Context) bool {
	for {
		b.mu.Lock()
		if b.bytes < b.max {
			b.mu.Unlock()
			return true
		}
		if b.room == nil {
			b.room = make(chan struct{})
		}
		room := b.room
		b.mu.Unlock()
		select {
		case <-ctx.Done():
			return false
		case <-room:
		}
	}
}

func (b *buffer) put(c *chunk) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.chunks = append(b.chunks, c)
	b.bytes += c.bytes
	b.gauge.Set(float64(b.bytes))
	b.signal()
}

func (b *buffer) signal() {
	if b.bytes >= b.batch {
		select {
		case b.full <- struct{}{}:
		default:
		}
	}
}

// take removes about a batch's worth of chunks, oldest first.
func (b *buffer) take() []*chunk {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, bytes := 0, 0
	for n < len(b.chunks) && (n == 0 || bytes+b.chunks[n].bytes <= b.batch) {
		bytes += b.chunks[n].bytes
		n++
	}
	taken := slices.Clone(b.chunks[:n])
	clear(b.chunks[:n]) // what was stored is let go, whatever shares the array
	b.chunks = b.chunks[n:]
	b.bytes -= bytes
	b.gauge.Set(float64(b.bytes))
	b.signal()
	if b.room != nil && b.bytes < b.max {
		close(b.room)
		b.room = nil
	}
	return taken
}

// discard drops what waits: it stays in Kafka and is read again.
func (b *buffer) discard() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.chunks, b.bytes = nil, 0
	b.gauge.Set(0)
}
