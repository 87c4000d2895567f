package replay

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
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
			sg, err := readFile(p)
			if err != nil {
				return stats, errors.Join(err, s.close())
			}
			if fresh {
				ids.apply(sg)
			}
			if err := sg.send(ctx, s, &o, &stats); err != nil {
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

// send sends one recording and counts what became of it.
func (sg signals) send(ctx context.Context, s sender, o *Options, stats *Stats) error {
	if !o.KeepTimes {
		sg.shift(o.now())
	}
	if o.Tenant != "" {
		sg.claim(o.Tenant)
	}
	var parcels []parcel
	for _, part := range split(sg.traces, spansPerRequest) {
		parcels = append(parcels, spanParcel{ptraceotlp.NewExportRequestFromTraces(part), part.SpanCount()})
	}
	parcels = append(parcels, eventParcel{plogotlp.NewExportRequestFromLogs(sg.logs), sg.logs.LogRecordCount()})
	for _, p := range parcels {
		n := p.size()
		if n == 0 {
			continue
		}
		resp, retries, err := deliver(ctx, s, p, o.Timeout, o.Again)
		stats.Retries += retries
		if err != nil {
			return err
		}
		stats.Requests++
		stats.Spans += n
		stats.Rejected += resp.rejected
		stats.Accepted += n - resp.rejected
		if resp.why != "" {
			stats.Reason = resp.why
		}
	}
	return nil
}
