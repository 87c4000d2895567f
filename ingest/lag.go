package ingest

import (
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// lag knows how many records of each of this member's partitions are not stored yet, and shows it as the gauge
// tollkeeper_ingest_lag. It learns the log's end from every fetch, stored or not, and where fetches fail from the look
// at the log that follows.
type lag struct {
	stream string
	gauge  *prometheus.GaugeVec

	mu         sync.Mutex
	partitions map[int]*backlog
}

// backlog is what lies between the two offsets of a partition.
type backlog struct {
	stored int64 // everything before it is stored
	end    int64 // after the last record of the log
}

func newLag(stream string, m *metrics) *lag { return &lag{stream: stream, gauge: m.lag} }

// begin forgets the partitions before. ends may tell of partitions of others.
func (l *lag) begin(starts map[int]position, ends map[int]int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gauge.DeletePartialMatch(prometheus.Labels{"stream": l.stream})
	l.partitions = map[int]*backlog{}
	for partition, at := range starts {
		b := &backlog{stored: at.next, end: ends[partition]}
		l.partitions[partition] = b
		l.show(partition, b)
	}
}

// sawEnd notes the end of the log. In one generation it only moves on: answers may come out of order.
func (l *lag) sawEnd(partition int, end int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b := l.partitions[partition]; b != nil {
		b.end = max(b.end, end)
		l.show(partition, b)
	}
}

// stored notes that everything before next is stored.
func (l *lag) stored(partition int, next int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b := l.partitions[partition]; b != nil {
		b.stored = max(b.stored, next)
		l.show(partition, b)
	}
}

func (l *lag) show(partition int, b *backlog) {
	l.gauge.WithLabelValues(l.stream, strconv.Itoa(partition)).Set(float64(max(0, b.end-b.stored)))
}
