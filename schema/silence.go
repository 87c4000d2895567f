package schema

import (
	"context"
	"net"
	"net/http"
	"time"
)

const (
	// silence is how long a server may send and take nothing before its connection is given up: a statement on a line that is
	// cut, or at a server that is stopped, ends by then, whether or not its context has a deadline.
	silence = 2 * time.Minute
	// patience is the same for statements of which it is known that they take long.
	patience = 30 * time.Minute
	// idle is how long an unused connection is kept, well below silence.
	idle = 30 * time.Second
)

// dialer connects with a limit on silence in both directions, also in the middle of an answer.
func dialer(limit time.Duration) func(ctx context.Context, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: 5 * time.Second, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 4}}
	return func(ctx context.Context, address string) (net.Conn, error) {
		c, err := d.DialContext(ctx, "tcp", address)
		if err != nil {
			return nil, err
		}
		return &impatient{c, limit}, nil
	}
}

// bounded leaves the waiting for an answer to the connection, where a server's progress counts.
func bounded(t *http.Transport) *http.Transport {
	t.ResponseHeaderTimeout, t.IdleConnTimeout = 0, idle
	return t
}

// impatient is a connection that fails after a time without a byte.
type impatient struct {
	net.Conn
	limit time.Duration
}

func (c *impatient) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.limit)); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

// Write gives the answer its time anew: the read that waits for it has waited since the one before.
func (c *impatient) Write(b []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.limit)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}
