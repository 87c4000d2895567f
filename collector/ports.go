package collector

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// choosePort replaces port 0 by a free one.
func choosePort(addr string) (string, error) {
	if addr == "" {
		return "", nil
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("listen address %q: %w", addr, err)
	}
	if port != "0" {
		return addr, nil
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "", fmt.Errorf("choose a port on %q: %w", host, err)
	}
	_, port, err = net.SplitHostPort(l.Addr().String())
	return net.JoinHostPort(host, port), errors.Join(err, l.Close())
}

// probePort says in plain words why addr can't be listened on.
func probePort(key, addr string) error {
	if addr == "" {
		return nil
	}
	l, err := net.Listen("tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("collector.%s: %s is in use by another program (another OpenTelemetry Collector?); stop that one or set collector.%s to a free port, or to port 0 to have one chosen", key, addr, key)
	case err != nil:
		return fmt.Errorf("collector.%s: can't listen on %s: %w; use an address of this machine and a port you may open", key, addr, err)
	}
	return l.Close()
}
