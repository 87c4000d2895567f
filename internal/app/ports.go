package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
)

// listener is an address that this process is going to listen on, under its key.
type listener struct{ key, address string }

// listeners are all addresses of what is going to run.
func (a *App) listeners() []listener {
	r, c := a.opts.Roles, &a.cfg
	out := []listener{{"http.listen", c.HTTP.Listen}}
	add := func(on bool, key, address string) {
		if on && address != "" {
			out = append(out, listener{key, address})
		}
	}
	add(r.Embedded && c.ClickHouse.URL == "", "clickhouse.embedded.listen", c.ClickHouse.Embedded.Listen)
	add(r.Embedded && len(c.Kafka.Brokers) == 0, "kafka.embedded.listen", c.Kafka.Embedded.Listen)
	add(r.Collector, "collector.grpc", c.Collector.GRPC)
	add(r.Collector, "collector.http", c.Collector.HTTP)
	add(r.API && c.API.Enabled(), "api.listen", c.API.Listen)
	add(r.Viewer, "viewer.listen", c.Viewer.Listen)
	return out
}

// probeListeners says at once which addresses can't be listened on, before anything starts: the roles open theirs last, after
// the database is prepared, which may take its time. All are held together, so that two keys with one address are found.
func (a *App) probeListeners(ctx context.Context) error {
	var problems []error
	held := map[string]string{} // the key of each port that was taken here
	for _, want := range a.listeners() {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", want.address)
		_, port, _ := net.SplitHostPort(want.address)
		switch {
		case err == nil:
			held[port] = want.key
			defer l.Close()
		case errors.Is(err, syscall.EADDRINUSE) && held[port] != "":
			problems = append(problems, fmt.Errorf("%s %s: is the port of %s, too: give each a port of its own (0 takes a free one)", want.key, want.address, held[port]))
		case errors.Is(err, syscall.EADDRINUSE):
			problems = append(problems, fmt.Errorf("%s %s: the port is in use: stop the other program, or set another address (port 0 takes a free one)", want.key, want.address))
		case errors.Is(err, syscall.EACCES):
			problems = append(problems, fmt.Errorf("%s %s: %w: ports below 1024 need the right to (CAP_NET_BIND_SERVICE); set one from 1024 on", want.key, want.address, reason(err)))
		default:
			problems = append(problems, fmt.Errorf("%s %s: %w: want an address of this machine and a port that may be opened", want.key, want.address, reason(err)))
		}
	}
	return errors.Join(problems...)
}

// reason is a listen error without the address, which stands before it already.
func reason(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return errors.New(strings.TrimPrefix(op.Err.Error(), "bind: "))
	}
	return err
}
