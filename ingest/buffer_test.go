package ingest

import (
	"runtime"
	"testing"
	"weak"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

// What was taken belongs to who took it: the buffer doesn't keep its bytes alive while others wait.
func TestBufferLetsGoOfWhatIsTaken(t *testing.T) {
	b := newBuffer(100, 1000, prometheus.NewGauge(prometheus.GaugeOpts{Name: "waiting"}))
	first := &chunk{bytes: 100}
	gone := weak.Make(first)
	b.put(first)
	for range 5 {
		b.put(&chunk{bytes: 100})
	}
	require.Equal(t, []*chunk{first}, b.take())
	first = nil
	second := b.take()
	runtime.GC()
	require.Nil(t, gone.Value())
	require.Equal(t, 400, b.bytes)
	require.Len(t, second, 1)
}
