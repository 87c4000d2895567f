package replay

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
)

type httpSender struct {
	url     string
	client  *http.Client
	headers map[string]string
}

func newHTTP(url string, conf *tls.Config, headers map[string]string) sender {
	return &httpSender{url: url, headers: headers,
		client: &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: conf}}}
}

func (s *httpSender) close() error {
	s.client.CloseIdleConnections()
	return nil
}

func (s *httpSender) send(ctx context.Context, r ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	none := ptraceotlp.NewExportResponse()
	body, err := r.MarshalProto()
	if err != nil {
		return none, fmt.Errorf("encode request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return none, fmt.Errorf("endpoint %q: %w", s.url, err)
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("User-Agent", "tollkeeper-replay")
	for k, v := range s.headers {
		req.Header.Set(k, v)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		var dial *net.OpError
		if errors.As(err, &dial) && dial.Op == "dial" {
			err = fmt.Errorf("%s: %w: %v", s.url, ErrNoAnswer, dial)
		}
		return none, &laterError{err: err}
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return none, &laterError{err: fmt.Errorf("read the answer of %s: %w", s.url, err)}
	}
	if resp.StatusCode == http.StatusOK {
		out := ptraceotlp.NewExportResponse()
		if err := out.UnmarshalProto(answer); err != nil {
			return none, fmt.Errorf("%s is not an OTLP endpoint: its answer can't be read: %w", s.url, err)
		}
		return out, nil
	}
	err = fmt.Errorf("%s answered %s: %s", s.url, resp.Status, reason(resp, answer))
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		return none, &laterError{err, time.Duration(seconds) * time.Second}
	}
	return none, err
}

// reason is the message of an OTLP error body, or the beginning of another body.
func reason(resp *http.Response, body []byte) string {
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/x-protobuf") {
		var st spb.Status
		if proto.Unmarshal(body, &st) == nil {
			return st.GetMessage()
		}
	}
	return strings.TrimSpace(string(body[:min(len(body), 200)]))
}
