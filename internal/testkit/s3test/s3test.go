// Package s3test is a bucket for tests and benchmarks: an S3 server in this process (gofakes3) that counts what is asked of
// it and can be made to fail.
package s3test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// Bucket is a running server with one empty bucket.
type Bucket struct {
	backend  *s3mem.Backend
	listener net.Listener
	server   *http.Server

	mu    sync.Mutex
	down  bool
	count map[string]Traffic
}

// Traffic is what came in by one method.
type Traffic struct {
	Requests int
	Bytes    int64 // of bodies that were sent to the bucket
}

const name = "ledger"

// Start opens a port on loopback. It ends by Close.
func Start() (*Bucket, error) {
	b := &Bucket{backend: s3mem.New(), count: map[string]Traffic{}}
	if err := b.backend.CreateBucket(name); err != nil {
		return nil, fmt.Errorf("create bucket: %w", err)
	}
	var err error
	if b.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("open a port for S3: %w", err)
	}
	inner := gofakes3.New(b.backend).Server()
	b.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if b.seen(r) {
			http.Error(w, "made to fail", http.StatusServiceUnavailable)
			return
		}
		inner.ServeHTTP(w, r)
	})}
	go func() { _ = b.server.Serve(b.listener) }()
	return b, nil
}

func (b *Bucket) seen(r *http.Request) (down bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.count[r.Method]
	t.Requests++
	t.Bytes += max(r.ContentLength, 0)
	b.count[r.Method] = t
	return b.down
}

// Close ends the server; the bucket's content goes with it.
func (b *Bucket) Close() error { return b.server.Close() }

// Endpoint is the URL of a prefix in the bucket.
func (b *Bucket) Endpoint(prefix string) string {
	return fmt.Sprintf("http://%s/%s/%s/", b.listener.Addr(), name, strings.Trim(prefix, "/"))
}

// Traffic is what has come in by a method so far.
func (b *Bucket) Traffic(method string) Traffic {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.count[method]
}

// Down makes every request fail with 503, or ends that.
func (b *Bucket) Down(down bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = down
}

// Objects is how many objects the bucket holds, and their bytes.
func (b *Bucket) Objects() (n int, bytes int64, err error) {
	list, err := b.backend.ListBucket(name, &gofakes3.Prefix{}, gofakes3.ListBucketPage{})
	if err != nil {
		return 0, 0, fmt.Errorf("list the bucket: %w", err)
	}
	for _, o := range list.Contents {
		n, bytes = n+1, bytes+o.Size
	}
	return n, bytes, nil
}
