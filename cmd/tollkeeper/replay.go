package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tollkeeper/tollkeeper/internal/replay"
)

func newReplay() *cobra.Command {
	var o replay.Options
	var headers []string
	c := &cobra.Command{
		Use:   "replay FILE|DIR",
		Short: "Send recorded spans to any OTLP endpoint",
		Long: `Sends recordings (OTLP JSON or protobuf; a directory is searched for them) as an SDK would: in requests
of at most 512 spans, again where the endpoint asks for it. Times are moved so that the newest span of a
recording is now.`,
		Example: `  tollkeeper replay collector/genai/testdata/recordings
  tollkeeper replay spans.otlp.json --to https://collector.example:4318 --header "authorization=Bearer …"
  tollkeeper replay spans.otlp.json --repeat 100 --tenant acme`,
		Args: cobra.ExactArgs(1),
	}
	f := c.Flags()
	to := f.String("to", "127.0.0.1:4317", "host:port for gRPC, or an http(s) URL for OTLP over HTTP")
	f.BoolVar(&o.KeepTimes, "keep-times", false, "leave the times as recorded")
	f.BoolVar(&o.NewIDs, "new-ids", false, "give every trace and span a fresh id")
	f.IntVar(&o.Repeat, "repeat", 1, "how many times; from the second on with fresh ids")
	f.StringVar(&o.Tenant, "tenant", "", "say that all spans are this tenant's")
	f.StringArrayVar(&headers, "header", nil, "header to send, name=value; may be repeated")
	c.RunE = func(c *cobra.Command, args []string) error {
		o.Headers = map[string]string{}
		for _, h := range headers {
			name, value, ok := strings.Cut(h, "=")
			if !ok {
				return &usageError{c.CommandPath(), fmt.Errorf("--header %q: want name=value", name)}
			}
			o.Headers[name] = value
		}
		return runReplay(c.Context(), c, args[0], *to, o)
	}
	return c
}

func runReplay(ctx context.Context, c *cobra.Command, path, to string, o replay.Options) error {
	stats, err := replay.Replay(ctx, path, to, o)
	fmt.Fprintf(c.OutOrStdout(), "%d recordings, %d requests, %d spans accepted, %d rejected, %d retries\n",
		stats.Files, stats.Requests, stats.Accepted, stats.Rejected, stats.Retries)
	if err == nil && stats.Rejected > 0 {
		err = fmt.Errorf("%s refused %d of %d spans: %s", to, stats.Rejected, stats.Spans, stats.Reason)
	}
	return err
}
