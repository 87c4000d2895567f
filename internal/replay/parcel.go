package replay

import (
	"context"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
)

// parcel is one request, of either signal.
type parcel interface {
	size() int    // spans or log records
	path() string // of OTLP over HTTP
	MarshalProto() ([]byte, error)
	// export sends it over gRPC; answer reads the body of an answer over HTTP.
	export(ctx context.Context, conn *grpc.ClientConn) (answer, error)
	answer(body []byte) (answer, error)
}

// answer is what an endpoint says of a request that it takes: how many of its spans or records it doesn't, and why.
type answer struct {
	rejected int
	why      string
}

type spanParcel struct {
	ptraceotlp.ExportRequest
	spans int
}

func (p spanParcel) size() int  { return p.spans }
func (spanParcel) path() string { return "v1/traces" }

func (p spanParcel) export(ctx context.Context, conn *grpc.ClientConn) (answer, error) {
	resp, err := ptraceotlp.NewGRPCClient(conn).Export(ctx, p.ExportRequest)
	if err != nil {
		return answer{}, err
	}
	return spansAnswer(resp), nil
}

func (spanParcel) answer(body []byte) (answer, error) {
	resp := ptraceotlp.NewExportResponse()
	err := resp.UnmarshalProto(body)
	return spansAnswer(resp), err
}

func spansAnswer(r ptraceotlp.ExportResponse) answer {
	return answer{int(r.PartialSuccess().RejectedSpans()), r.PartialSuccess().ErrorMessage()}
}

type eventParcel struct {
	plogotlp.ExportRequest
	records int
}

func (p eventParcel) size() int  { return p.records }
func (eventParcel) path() string { return "v1/logs" }

func (p eventParcel) export(ctx context.Context, conn *grpc.ClientConn) (answer, error) {
	resp, err := plogotlp.NewGRPCClient(conn).Export(ctx, p.ExportRequest)
	if err != nil {
		return answer{}, err
	}
	return eventsAnswer(resp), nil
}

func (eventParcel) answer(body []byte) (answer, error) {
	resp := plogotlp.NewExportResponse()
	err := resp.UnmarshalProto(body)
	return eventsAnswer(resp), err
}

func eventsAnswer(r plogotlp.ExportResponse) answer {
	return answer{int(r.PartialSuccess().RejectedLogRecords()), r.PartialSuccess().ErrorMessage()}
}
