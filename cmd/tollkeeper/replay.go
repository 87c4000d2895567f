package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/internal/replay"
	"github.com/tollkeeper/tollkeeper/internal/textfile"
)

func newReplay() *cobra.Command {
	var o replay.Options
	var headers []string
	var keyFile string
	c := &cobra.Command{
		Use:   "replay FILE|DIR",
		Short: "Send recorded spans to any OTLP endpoint",
		Long: `Sends recordings (OTLP JSON or protobuf; a directory is searched for them) as an SDK would: in requests
of at most 512 spans, again where the endpoint asks for it. Times are moved so that the newest span of a
recording is now.

An API key of the collector is read from --key-file or from the variable TOLLKEEPER_API_KEY, never from an argument, which
every process of the machine can see. It is sent over TLS, or to this machine.`,
		Example: `  tollkeeper replay collector/genai/testdata/recordings
  tollkeeper replay spans.otlp.json --to grpcs://collector.example:4317 --key-file key.txt
  tollkeeper replay spans.otlp.json --repeat 100 --tenant acme`,
		Args: cobra.ExactArgs(1),
	}
	f := c.Flags()
	to := f.String("to", "127.0.0.1:4317", "host:port for gRPC, or an http(s) URL for OTLP over HTTP")
	f.BoolVar(&o.KeepTimes, "keep-times", false, "leave the times as recorded")
	f.BoolVar(&o.NewIDs, "new-ids", false, "give every trace and span a fresh id")
	f.IntVar(&o.Repeat, "repeat", 1, "how many times; from the second on with fresh ids")
	f.StringVar(&o.Tenant, "tenant", "", "say that all spans are this tenant's")
	f.StringVar(&keyFile, "key-file", "", "file with the API key to send; without it TOLLKEEPER_API_KEY, if set")
	f.StringArrayVar(&headers, "header", nil, "header to send, name=value; may be repeated; keys belong in --key-file")
	c.RunE = func(c *cobra.Command, args []string) error {
		o.Headers = map[string]string{}
		for _, h := range headers {
			name, value, ok := strings.Cut(h, "=")
			if !ok {
				return &usageError{c.CommandPath(), fmt.Errorf("--header %q: want name=value", name)}
			}
			o.Headers[strings.ToLower(name)] = value
		}
		if err := addKey(o.Headers, keyFile, *to); err != nil {
			return &usageError{c.CommandPath(), err}
		}
		return runReplay(c.Context(), c, args[0], *to, o)
	}
	return c
}

// keyVariable may hold the API key.
const keyVariable = "TOLLKEEPER_API_KEY"

// addKey adds the API key to the headers, if there is one and the way to the endpoint may carry it.
func addKey(headers map[string]string, file, to string) error {
	const name = "authorization"
	from, key := keyVariable, os.Getenv(keyVariable)
	if file != "" {
		text, err := textfile.Read(file)
		if err != nil {
			return fmt.Errorf("--key-file: %w", err)
		}
		if from, key = "--key-file "+file, strings.TrimSpace(string(text)); key == "" {
			return fmt.Errorf("--key-file %s: is empty; put the key in it", file)
		}
		if headers[name] != "" {
			return errors.New("--key-file and --header authorization: two keys; give one")
		}
	}
	if key == "" || headers[name] != "" {
		return nil
	}
	if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fmt.Errorf("%s: holds more than a key; want one line without spaces", from)
	}
	if !replay.Private(to) {
		return fmt.Errorf("--to %s: the key of %s would be readable on the way; use grpcs:// or https://", to, from)
	}
	headers[name] = "Bearer " + key
	return nil
}

func runReplay(ctx context.Context, c *cobra.Command, path, to string, o replay.Options) error {
	var once sync.Once
	o.Again = func(why error) {
		once.Do(func() { fmt.Fprintf(c.ErrOrStderr(), "%v; trying again for %s\n", why, replay.DefaultTimeout) })
	}
	stats, err := replay.Replay(ctx, path, to, o)
	fmt.Fprintf(c.OutOrStdout(), "%d recordings, %d requests, %d spans accepted, %d rejected, %d retries\n",
		stats.Files, stats.Requests, stats.Accepted, stats.Rejected, stats.Retries)
	if err == nil && stats.Rejected > 0 {
		err = fmt.Errorf("%s refused %d of %d spans: %s", to, stats.Rejected, stats.Spans, stats.Reason)
	}
	if errors.Is(err, replay.ErrNoAnswer) {
		err = fmt.Errorf("%w; start it with `tollkeeper up`, or name where OTLP is taken with --to", err)
	}
	return err
}
