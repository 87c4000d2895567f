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
	"net/url"
	"strconv"
	"strings"
	"time"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
)

type httpSender struct {
	base    *url.URL // without the signal's path
	client  *http.Client
	headers map[string]string
}

func newHTTP(base *url.URL, conf *tls.Config, headers map[string]string) sender {
	return &httpSender{base: base, headers: headers,
		client: &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: conf}}}
}

func (s *httpSender) close() error {
	s.client.CloseIdleConnections()
	return nil
}

func (s *httpSender) send(ctx context.Context, p parcel) (answer, error) {
	var none answer
	to := s.base.JoinPath(p.path()).String()
	body, err := p.MarshalProto()
	if err != nil {
		return none, fmt.Errorf("encode request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return none, fmt.Errorf("endpoint %q: %w", to, err)
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
			err = fmt.Errorf("%s: %w: %v", to, ErrNoAnswer, dial)
		}
		return none, &laterError{err: err}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return none, &laterError{err: fmt.Errorf("read the answer of %s: %w", to, err)}
	}
	if resp.StatusCode == http.StatusOK {
		out, err := p.answer(text)
		if err != nil {
			return none, fmt.Errorf("%s is not an OTLP endpoint: its answer can't be read: %w", to, err)
		}
		return out, nil
	}
	err = fmt.Errorf("%s answered %s: %s", to, resp.Status, reason(resp, text))
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
