package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tollkeeper/tollkeeper/gateway"
)

// receiver delivers messages. A refusal (errRefused) isn't tried again.
type receiver interface {
	name() string
	takes(m *Message) bool
	// group says with which messages this one may share a request.
	group(m *Message) string
	send(ctx context.Context, messages []*Message) error
}

var errRefused = errors.New("notification refused")

// laterError is an answer that says when to ask again.
type laterError struct {
	after time.Duration
	err   error
}

func (e *laterError) Error() string { return e.err.Error() }
func (e *laterError) Unwrap() error { return e.err }

// post makes a request of a body of JSON.
func post(ctx context.Context, url string, body any) (*http.Request, []byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: encode: %w", errRefused, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(text))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errRefused, gateway.WithoutURL(err))
	}
	req.Header.Set("Content-Type", "application/json")
	return req, text, nil
}

func deliver(client *http.Client, req *http.Request) error {
	resp, err := client.Do(req)
	if err != nil {
		return gateway.WithoutURL(err)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, 300)) // for the message only
	switch {
	case resp.StatusCode/100 == 2:
		return nil
	case resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusRequestTimeout:
		err := fmt.Errorf("status %d: %s", resp.StatusCode, plain(answer))
		if s, bad := strconv.Atoi(resp.Header.Get("Retry-After")); bad == nil && s > 0 {
			return &laterError{min(time.Duration(s)*time.Second, mostWait), err}
		}
		return err
	}
	return fmt.Errorf("%w: status %d: %s", errRefused, resp.StatusCode, plain(answer))
}

// plain makes an answer fit for a line of a log.
func plain(b []byte) string {
	return strings.Join(strings.Fields(strings.ToValidUTF8(string(b), "?")), " ")
}
