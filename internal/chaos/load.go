package chaos

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// load is what a round's clients sent and got acknowledged.
type load struct {
	mu         sync.Mutex
	truth      []made
	requests   int
	refused    int // and sent again
	duplicates int // requests sent again though they were acknowledged
}

// Clients, the pause between two requests of one, the most calls of one, and how often one is delivered twice.
const (
	clients      = 4
	pace         = 80 * time.Millisecond
	mostCalls    = 6
	twicePercent = 10
	answerLimit  = 6 * time.Second
	ackLimit     = 2 * time.Minute
)

// send lets the clients work until end. What was begun is finished: every call of truth was acknowledged. A client does
// as an SDK: what isn't acknowledged and may be sent again is.
func send(ctx context.Context, address string, seed uint64, end time.Time) (*load, error) {
	l := &load{}
	var wg sync.WaitGroup
	errs := make(chan error, clients)
	for i := range clients {
		wg.Go(func() {
			if err := l.client(ctx, address, seed, uint64(i), end); err != nil {
				errs <- err
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		return l, err
	default:
		return l, nil
	}
}

func (l *load) client(ctx context.Context, address string, seed, number uint64, end time.Time) error {
	quick := backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.5, MaxDelay: 500 * time.Millisecond}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: quick, MinConnectTimeout: time.Second}))
	if err != nil {
		return err
	}
	defer conn.Close()
	out := ptraceotlp.NewGRPCClient(conn)
	m := newMaker(seed, number)
	var again [][]made // acknowledged, to be delivered once more some requests later
	for time.Now().Before(end) && ctx.Err() == nil {
		calls := make([]made, 1+m.rng.IntN(mostCalls))
		for i := range calls {
			calls[i] = m.make(time.Now())
		}
		if err := l.deliver(ctx, out, calls); err != nil {
			return err
		}
		l.mu.Lock()
		l.truth = append(l.truth, calls...)
		l.mu.Unlock()
		if m.rng.IntN(100) < twicePercent {
			again = append(again, calls)
		}
		if len(again) > 3 {
			if err := l.redeliver(ctx, out, again[0]); err != nil {
				return err
			}
			again = again[1:]
		}
		sleep(ctx, pace)
	}
	for _, calls := range again {
		if err := l.redeliver(ctx, out, calls); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (l *load) redeliver(ctx context.Context, out ptraceotlp.GRPCClient, calls []made) error {
	l.mu.Lock()
	l.duplicates++
	l.mu.Unlock()
	return l.deliver(ctx, out, calls)
}

// deliver sends a request until it is acknowledged.
func (l *load) deliver(ctx context.Context, out ptraceotlp.GRPCClient, calls []made) error {
	request := ptraceotlp.NewExportRequestFromTraces(spans(calls))
	var last error
	for deadline := time.Now().Add(ackLimit); time.Now().Before(deadline); {
		l.mu.Lock()
		l.requests++
		l.mu.Unlock()
		limited, cancel := context.WithTimeout(ctx, answerLimit)
		response, err := out.Export(limited, request)
		cancel()
		if err == nil {
			if n := response.PartialSuccess().RejectedSpans(); n > 0 {
				return fmt.Errorf("%d spans rejected for good: %s", n, response.PartialSuccess().ErrorMessage())
			}
			return nil
		}
		if last = err; ctx.Err() != nil {
			return ctx.Err()
		}
		switch status.Code(err) { // https://opentelemetry.io/docs/specs/otlp/#failures: what may be sent again
		case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.Aborted, codes.OutOfRange, codes.DataLoss:
		default:
			return fmt.Errorf("a client is told to give up, its calls are lost: %w", err)
		}
		l.mu.Lock()
		l.refused++
		l.mu.Unlock()
		sleep(ctx, 100*time.Millisecond)
	}
	return fmt.Errorf("not acknowledged within %s: %w", ackLimit, last)
}
