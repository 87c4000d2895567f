package replay

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// sender makes one try. An error is final unless it is a *laterError.
type sender interface {
	send(ctx context.Context, p parcel) (answer, error)
	close() error
}

// ErrNoAnswer is behind the error of an endpoint that can't be reached at all, as when nothing listens there.
var ErrNoAnswer = errors.New("nothing answers there")

// laterError is a refusal that the OTLP specification calls retryable, or an endpoint that can't be reached (yet).
type laterError struct {
	err   error
	after time.Duration // when the endpoint says to come back; 0 = it doesn't say
}

func (e *laterError) Error() string { return e.err.Error() }
func (e *laterError) Unwrap() error { return e.err }

// dial understands host:port and grpc://host:port (plain gRPC unless TLS is given), grpcs://host:port, and http(s)://host/…,
// whose path is completed with v1/traces or v1/logs.
func dial(endpoint string, o *Options) (sender, error) {
	scheme, rest, found := strings.Cut(endpoint, "://")
	if !found {
		scheme, rest = "grpc", endpoint
	}
	switch scheme {
	case "grpc", "grpcs":
		conf := o.TLS
		if scheme == "grpcs" && conf == nil {
			conf = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		return dialGRPC(rest, conf, o.Headers)
	case "http", "https":
		u, err := url.Parse(endpoint)
		if err != nil || u.Host == "" {
			return nil, badEndpoint(endpoint)
		}
		u.Path = strings.TrimSuffix(u.Path, "/v1/traces")
		return newHTTP(u, o.TLS, o.Headers), nil
	}
	return nil, badEndpoint(endpoint)
}

// Private says that nobody on the way to the endpoint can read what is sent: it goes by TLS, or stays on this machine.
func Private(endpoint string) bool {
	scheme, rest, found := strings.Cut(endpoint, "://")
	if !found {
		scheme, rest = "grpc", endpoint
	}
	if scheme == "grpcs" || scheme == "https" {
		return true
	}
	u, err := url.Parse(scheme + "://" + rest)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

func badEndpoint(endpoint string) error {
	return fmt.Errorf("endpoint %q: want host:port for OTLP over gRPC (localhost:4317), or a URL for OTLP over HTTP (http://localhost:4318)", endpoint)
}

// deliver tries until the request is answered, refused for good, or the time is up. It tells of each refusal after which it tries again.
func deliver(ctx context.Context, s sender, p parcel, timeout time.Duration, again func(error)) (resp answer, retries int, err error) {
	caller := ctx
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	pace := backoff.NewExponentialBackOff()
	pace.InitialInterval, pace.MaxInterval = 100*time.Millisecond, 5*time.Second
	var last error
	resp, err = backoff.Retry(ctx, func() (answer, error) {
		if last != nil {
			retries++
		}
		resp, err := s.send(ctx, p)
		var later *laterError
		switch {
		case err == nil:
			return resp, nil
		case !errors.As(err, &later):
			return resp, backoff.Permanent(err)
		case ctx.Err() == nil || last == nil:
			last = err
			again(err)
		}
		if later.after > 0 {
			return resp, &backoff.RetryAfterError{Duration: later.after}
		}
		return resp, err
	}, backoff.WithBackOff(pace), backoff.WithMaxElapsedTime(0))
	if err != nil && caller.Err() != nil {
		return resp, retries, caller.Err()
	}
	if err != nil && last != nil {
		return resp, retries, fmt.Errorf("gave up after %d tries in %s: %w", retries+1, timeout, last)
	}
	return resp, retries, err
}
