package replay

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

type grpcSender struct {
	conn    *grpc.ClientConn
	headers metadata.MD
}

func dialGRPC(address string, conf *tls.Config, headers map[string]string) (sender, error) {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return nil, badEndpoint(address)
	}
	creds := insecure.NewCredentials()
	if conf != nil {
		creds = credentials.NewTLS(conf)
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(creds), grpc.WithUserAgent("tollkeeper-replay"))
	if err != nil {
		return nil, fmt.Errorf("endpoint %q: %w", address, err)
	}
	return &grpcSender{conn: conn, headers: metadata.New(headers)}, nil
}

func (s *grpcSender) close() error { return s.conn.Close() }

func (s *grpcSender) send(ctx context.Context, p parcel) (answer, error) {
	resp, err := p.export(metadata.NewOutgoingContext(ctx, s.headers), s.conn)
	if err == nil {
		return resp, nil
	}
	st := status.Convert(err)
	err = fmt.Errorf("%s answered %s: %s", s.conn.Target(), st.Code(), st.Message())
	if _, why, dialing := strings.Cut(st.Message(), "Error while dialing: "); dialing && st.Code() == codes.Unavailable {
		err = fmt.Errorf("%s: %w: %s", s.conn.Target(), ErrNoAnswer, strings.TrimSuffix(why, `"`))
	}
	after, told := retryAfter(st)
	switch st.Code() {
	case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange, codes.Unavailable, codes.DataLoss:
		return resp, &laterError{err, after}
	case codes.ResourceExhausted:
		// Retryable only if the server says when (opentelemetry-proto, OTLP specification, "Failures").
		if told {
			return resp, &laterError{err, after}
		}
	}
	return resp, err
}

func retryAfter(st *status.Status) (after time.Duration, told bool) {
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration(), true
		}
	}
	return 0, false
}
