package replay

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// spansPerRequest is what SDKs send at most by default (OTEL_BSP_MAX_EXPORT_BATCH_SIZE).
const spansPerRequest = 512

// Replay sends a recording, or all recordings of a folder, to an OTLP endpoint: host:port for gRPC, an http(s) URL for HTTP.
// All files are read once before the first is sent, so that a file that can't be read leaves nothing half done; such errors
// name every file. An endpoint that refuses for good, or for longer than the timeout, ends the replay; the stats say how far
// it came.
func Replay(ctx context.Context, path, endpoint string, o Options) (Stats, error) {
	o.fill()
	var stats Stats
	paths, err := files(path)
	if err != nil {
		return stats, err
	}
	var faults []error
	for _, p := range paths {
		if _, err := readFile(p); err != nil {
			faults = append(faults, err)
		}
	}
	if err := errors.Join(faults...); err != nil {
		return stats, err
	}
	s, err := dial(endpoint, &o)
	if err != nil {
		return stats, err
	}
	for pass := range o.Repeat {
		ids, fresh := newIDs{}, o.NewIDs || pass > 0
		if fresh {
			ids = freshIDs()
		}
		for _, p := range paths {
			td, err := readFile(p)
			if err != nil {
				return stats, errors.Join(err, s.close())
			}
			if fresh {
				ids.apply(td)
			}
			if err := sendTraces(ctx, s, td, &o, &stats); err != nil {
				return stats, errors.Join(fmt.Errorf("send %s: %w", p, err), s.close())
			}
			stats.Files++
			if o.Progress != nil {
				o.Progress(stats)
			}
		}
	}
	return stats, s.close()
}

// sendTraces sends one recording and counts what became of it.
func sendTraces(ctx context.Context, s sender, td ptrace.Traces, o *Options, stats *Stats) error {
	if !o.KeepTimes {
		shift(td, o.now())
	}
	if o.Tenant != "" {
		claim(td, o.Tenant)
	}
	for _, part := range split(td, spansPerRequest) {
		n := part.SpanCount()
		resp, retries, err := deliver(ctx, s, ptraceotlp.NewExportRequestFromTraces(part), o.Timeout, o.Again)
		stats.Retries += retries
		if err != nil {
			return err
		}
		refused := int(resp.PartialSuccess().RejectedSpans())
		stats.Requests++
		stats.Spans += n
		stats.Rejected += refused
		stats.Accepted += n - refused
		if why := resp.PartialSuccess().ErrorMessage(); why != "" {
			stats.Reason = why
		}
	}
	return nil
}
