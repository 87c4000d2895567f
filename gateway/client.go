package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Errors by which a caller decides.
var (
	ErrGone        = errors.New("gateway gone")             // 410: the endpoint was taken away; stop sending
	ErrRefused     = errors.New("command refused")          // another 4xx: sending it again won't help
	ErrUnreachable = errors.New("gateway unreachable")      // no 2xx within the attempts
	ErrNoReadBack  = errors.New("gateway has no read-back") // it answers commands, but GET isn't there
	ErrUnsupported = errors.New("command not supported")    // this gateway can't enforce such a command
)

// ClientConfig names one gateway.
type ClientConfig struct {
	Name          string        `yaml:"name"`           // as it appears in throttle_events
	URL           string        `yaml:"url"`            // receiver of the webhook
	Secrets       []string      `yaml:"secrets"`        // whsec_…; all of them sign
	AllowNetworks []string      `yaml:"allow_networks"` // CIDR prefixes that aren't public but may be called
	Timeout       time.Duration `yaml:"timeout"`        // of one attempt
	Attempts      int           `yaml:"attempts"`       // per command
	Backoff       time.Duration `yaml:"backoff"`        // before the second attempt; doubles, with jitter
}

// DefaultClientConfig has three attempts of two seconds.
func DefaultClientConfig() ClientConfig {
	return ClientConfig{Name: "gateway", Timeout: 2 * time.Second, Attempts: 3, Backoff: 200 * time.Millisecond}
}

// Validate names every problem with its key.
func (c *ClientConfig) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	u, err := url.Parse(c.URL)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil {
		bad("url: want https://host/path without a password in it")
	} else if u.Scheme == "http" && len(c.AllowNetworks) == 0 {
		bad("url http://%s/…: plain http is for allow_networks only; use https, or list the network", u.Host)
	}
	if c.Name == "" {
		bad("name is empty: give the gateway a name")
	}
	if _, err := NewKeys(c.Secrets); err != nil {
		errs = append(errs, err)
	}
	if _, err := ParseNetworks(c.AllowNetworks); err != nil {
		errs = append(errs, err)
	}
	if c.Timeout < 10*time.Millisecond || c.Timeout > time.Minute {
		bad("timeout %s: want 10ms to 1m", c.Timeout)
	}
	if c.Attempts < 1 || c.Attempts > 10 {
		bad("attempts %d: want 1 to 10", c.Attempts)
	}
	if c.Backoff < time.Millisecond || c.Backoff > time.Minute {
		bad("backoff %s: want 1ms to 1m", c.Backoff)
	}
	return errors.Join(errs...)
}

// ParseNetworks reads the values of allow_networks.
func ParseNetworks(texts []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for i, t := range texts {
		p, err := netip.ParsePrefix(t)
		if err != nil {
			return nil, fmt.Errorf("allow_networks[%d] %q: want a prefix like 127.0.0.0/8", i, t)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

// Client sends commands to one gateway and reads back what it holds. It is safe for concurrent use; it doesn't order
// commands, sequences do.
type Client struct {
	cfg  ClientConfig
	keys Keys
	http *http.Client
	now  func() time.Time
}

// NewClient checks the configuration; it doesn't call the gateway. now is the clock, time.Now in production.
func NewClient(cfg ClientConfig, now func() time.Time) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("gateway %s: %w", cfg.Name, err)
	}
	keys, err := NewKeys(cfg.Secrets)
	if err != nil {
		return nil, err
	}
	allowed, err := ParseNetworks(cfg.AllowNetworks)
	if err != nil {
		return nil, err
	}
	return &Client{cfg, keys, NewHTTPClient(allowed, cfg.Timeout), now}, nil
}

// Name is the gateway's configured name.
func (c *Client) Name() string { return c.cfg.Name }

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Send delivers the command: up to Attempts tries with one webhook-id, each newly timed and signed. The error is
// ErrGone, ErrRefused, ErrAddress or ErrUnreachable; an Ack means a 2xx.
func (c *Client) Send(ctx context.Context, cmd Command) (Ack, error) {
	if err := cmd.Validate(); err != nil {
		return Ack{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	body, err := json.Marshal(envelope{CommandType, cmd.Issued, cmd})
	if err != nil {
		return Ack{}, fmt.Errorf("encode command: %w", err)
	}
	id := fmt.Sprintf("throttle-%s-%d", cmd.Episode, cmd.Sequence)
	attempts := 0
	try := func() (Ack, error) {
		attempts++
		if !c.now().Before(cmd.Expires) {
			return Ack{}, backoff.Permanent(fmt.Errorf("%w: expired at %s before it was delivered", ErrRefused, cmd.Expires.Format(time.RFC3339Nano)))
		}
		answer, err := c.call(ctx, http.MethodPost, c.cfg.URL, id, body, body)
		if err != nil {
			return Ack{}, err
		}
		ack := Ack{}
		if json.Unmarshal(answer, &ack) != nil {
			ack = Ack{}
		}
		ack.At, ack.Attempts = c.now(), attempts
		ack.Proved = ack.State.Subject == cmd.Subject && ack.State.Sequence == cmd.Sequence
		return ack, nil
	}
	return c.retry(ctx, try)
}

func (c *Client) retry(ctx context.Context, try func() (Ack, error)) (Ack, error) {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval = c.cfg.Backoff
	ack, err := backoff.Retry(ctx, try, backoff.WithBackOff(wait), backoff.WithMaxTries(uint(c.cfg.Attempts)),
		backoff.WithMaxElapsedTime(time.Duration(c.cfg.Attempts)*(c.cfg.Timeout+5*time.Second)))
	if err == nil {
		return ack, nil
	}
	if permanent := (&backoff.PermanentError{}); errors.As(err, &permanent) {
		err = permanent.Err
	}
	if errors.Is(err, ErrGone) || errors.Is(err, ErrRefused) || errors.Is(err, ErrAddress) {
		return Ack{}, fmt.Errorf("send to %s: %w", c.cfg.Name, err)
	}
	return Ack{}, fmt.Errorf("send to %s: %w: %w", c.cfg.Name, ErrUnreachable, err)
}

// State reads back what the gateway holds for the subject; one attempt. ErrNoReadBack if the gateway has no GET.
func (c *Client) State(ctx context.Context, subject Subject) (State, error) {
	u := c.cfg.URL + "?" + subject.query()
	if parsed, err := url.Parse(c.cfg.URL); err == nil && parsed.RawQuery != "" {
		u = c.cfg.URL + "&" + subject.query()
	}
	id := fmt.Sprintf("state-%d", c.now().UnixNano())
	answer, err := c.call(ctx, http.MethodGet, u, id, nil, StatePayload(subject))
	if permanent := (&backoff.PermanentError{}); errors.As(err, &permanent) {
		err = permanent.Err
	}
	if err != nil {
		return State{}, fmt.Errorf("read state of %s from %s: %w", subject, c.cfg.Name, err)
	}
	var s State
	if err := json.Unmarshal(answer, &s); err != nil {
		return State{}, fmt.Errorf("read state of %s from %s: %w: %w", subject, c.cfg.Name, ErrNoReadBack, err)
	}
	if s.Sequence > 0 && s.Subject != subject {
		return State{}, fmt.Errorf("read state of %s from %s: answer is about %.200q", subject, c.cfg.Name, s.Subject.String())
	}
	return s, nil
}

// call makes one signed request. Errors that another attempt can't heal are backoff.Permanent.
func (c *Client) call(ctx context.Context, method, u, id string, body, signed []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, u, bytes.NewReader(body))
	if err != nil {
		return nil, backoff.Permanent(fmt.Errorf("%w: %w", ErrRefused, WithoutURL(err)))
	}
	req.Header.Set("Accept", "application/json")
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	if err := c.keys.Sign(req.Header, id, c.now(), signed); err != nil {
		return nil, backoff.Permanent(err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		err = WithoutURL(err)
		if errors.Is(err, ErrAddress) {
			err = backoff.Permanent(err)
		}
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 4*MaxBody))
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	return answer, statusError(method, resp, answer)
}

// statusError maps the status by Standard Webhooks: only 2xx is success, 410 ends the endpoint, 429 and 5xx are tried
// again, after Retry-After if it is short.
func statusError(method string, resp *http.Response, answer []byte) error {
	text := bytes.TrimSpace(answer[:min(len(answer), 300)])
	switch s := resp.StatusCode; {
	case s >= 200 && s < 300:
		return nil
	case s == http.StatusGone:
		return backoff.Permanent(ErrGone)
	case method == http.MethodGet && (s == http.StatusNotFound || s == http.StatusMethodNotAllowed || s == http.StatusNotImplemented):
		return backoff.Permanent(fmt.Errorf("%w: status %d", ErrNoReadBack, s))
	case s == http.StatusTooManyRequests || s >= 500:
		if sec, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && sec > 0 && sec <= 5 {
			return &backoff.RetryAfterError{Duration: time.Duration(sec) * time.Second}
		}
		return fmt.Errorf("status %d: %s", s, text)
	default:
		return backoff.Permanent(fmt.Errorf("%w: status %d: %s", ErrRefused, s, text))
	}
}
