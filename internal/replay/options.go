package replay

import (
	"crypto/tls"
	"time"
)

// Options say how recordings are sent. The zero value sends each file once, as if it had happened now.
type Options struct {
	KeepTimes bool // send the recorded times; else each file is moved so that its newest span ends now
	NewIDs    bool // fresh trace, span and response ids for the first pass too; further passes always get them
	Repeat    int  // passes over all files; 0 and 1 are one

	Tenant  string            // set as the resource attribute tenant.id; empty leaves what was recorded
	Headers map[string]string // sent with every request, such as an API key

	// TLS of a gRPC endpoint given as host:port, which is plain without it, or of an https endpoint; nil uses the
	// system's roots there.
	TLS *tls.Config

	// Timeout is how long one request may be tried, retries included; 0 is 30 s.
	Timeout time.Duration

	// Again, if set, is called with each refusal after which a request is tried again.
	Again func(error)

	// Progress, if set, is called after each file that was sent.
	Progress func(Stats)

	now func() time.Time // the clock; tests set it
}

// DefaultTimeout is how long a request is tried where Options say nothing.
const DefaultTimeout = 30 * time.Second

func (o *Options) fill() {
	if o.Repeat < 1 {
		o.Repeat = 1
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Again == nil {
		o.Again = func(error) {}
	}
	if o.now == nil {
		o.now = time.Now
	}
}

// Stats say what became of the spans, and of the log records, which count as spans here.
type Stats struct {
	Files    int // files sent, once per pass
	Requests int // requests answered
	Retries  int // further tries of requests that were refused for now
	Spans    int // spans sent, each counted once however often it was tried
	Accepted int
	Rejected int // refused for good by the endpoint, within an answer that accepted the request

	// Reason is the endpoint's last word on why spans were rejected.
	Reason string
}
