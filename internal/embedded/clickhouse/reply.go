package clickhouse

import (
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

const (
	// replyBuffer is how much of an answer is held back before its head is sent: an error up to then still gets a
	// status of its own, and a short answer its summary.
	replyBuffer = 128 << 10
	// compressedBlock is the size of ClickHouse's compressed blocks, before compression.
	compressedBlock = 1 << 20
)

// reply writes one answer. The head goes out with the first bytes beyond replyBuffer, or at the end.
type reply struct {
	w       http.ResponseWriter
	q       *request
	began   time.Time
	held    []byte
	started bool
	tag     string
	body    io.Writer // through compression, once started
	closers []io.Closer
}

func newReply(w http.ResponseWriter, q *request, began time.Time) *reply {
	return &reply{w: w, q: q, began: began, tag: newToken()[:16]}
}

// Write takes bytes of the answer.
func (o *reply) Write(p []byte) (int, error) {
	if !o.started {
		if o.q.bufferAll || len(o.held)+len(p) <= replyBuffer {
			o.held = append(o.held, p...)
			return len(p), nil
		}
		if err := o.start(); err != nil {
			return 0, err
		}
	}
	n, err := o.body.Write(p)
	if err != nil {
		return n, err
	}
	if flusher, ok := o.w.(http.Flusher); ok && !o.q.compress && o.q.encoding == "" {
		flusher.Flush()
	}
	return n, nil
}

// start sends the head and what was held back.
func (o *reply) start() error {
	o.started = true
	h := o.w.Header()
	h.Set("Content-Type", contentType(o.q.format()))
	h.Set("X-ClickHouse-Format", o.q.format())
	h.Set("X-ClickHouse-Exception-Tag", o.tag)
	o.body = o.w
	switch {
	case o.q.compress:
		b := &blockWriter{w: o.w, compressor: compress.NewWriter(compress.LevelZero, compress.LZ4)}
		o.body, o.closers = b, append(o.closers, b)
	case o.q.encoding != "":
		h.Set("Content-Encoding", o.q.encoding)
		enc, err := encoder(o.w, o.q.encoding)
		if err != nil {
			return err
		}
		o.body, o.closers = enc, append(o.closers, enc)
	}
	if len(o.held) > 0 {
		if _, err := o.body.Write(o.held); err != nil {
			return err
		}
		o.held = nil
	}
	return nil
}

// finish sends the rest of a good answer.
func (o *reply) finish(res result) error {
	if !o.started {
		o.w.Header().Set("X-ClickHouse-Summary", fmt.Sprintf(
			`{"read_rows":"%d","read_bytes":"%d","written_rows":"0","written_bytes":"0","total_rows_to_read":"0","result_rows":"0","result_bytes":"%d","elapsed_ns":"%d"}`,
			res.rowsRead, res.bytesRead, len(o.held), time.Since(o.began).Nanoseconds()))
		if len(o.held) == 0 {
			o.q.compress, o.q.encoding = false, ""
			o.w.Header().Set("Content-Length", "0")
		}
		if err := o.start(); err != nil {
			return nil // the client left
		}
	}
	o.close()
	return nil
}

func (o *reply) close() {
	for _, c := range o.closers {
		_ = c.Close()
	}
	o.closers = nil
}

// fail ends the answer with an exception: with a status if nothing was sent yet, else in the body as a server does
// (WriteBufferFromHTTPServerResponse.cpp), and the connection is cut so that no client takes the answer for whole.
func (o *reply) fail(err error) error {
	if !o.started {
		return err
	}
	var ex *Exception
	if !errors.As(err, &ex) {
		ex = newException(codeLogicalError, "LOGICAL_ERROR", "%v", err)
	}
	text := ex.Text
	if len(text) > 16<<10 {
		text = text[:16<<10]
	}
	block := fmt.Sprintf("\r\n__exception__\r\n%s\r\n%s\n%d %s\r\n__exception__\r\n", o.tag, text, len(text)+1, o.tag)
	if o.q.compress { // plain bytes after the blocks
		o.close()
		_, _ = io.WriteString(o.w, block)
	} else {
		_, _ = io.WriteString(o.body, block)
		o.close()
	}
	if flusher, ok := o.w.(http.Flusher); ok {
		flusher.Flush()
	}
	panic(http.ErrAbortHandler)
}

// blockWriter cuts its input into ClickHouse's compressed blocks (LZ4).
type blockWriter struct {
	w          io.Writer
	compressor *compress.Writer
	pending    []byte
}

func (b *blockWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		take := min(len(p), compressedBlock-len(b.pending))
		b.pending = append(b.pending, p[:take]...)
		p = p[take:]
		if len(b.pending) == compressedBlock {
			if err := b.flush(); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

func (b *blockWriter) flush() error {
	if err := b.compressor.Compress(b.pending); err != nil {
		return fmt.Errorf("compress a block: %w", err)
	}
	b.pending = b.pending[:0]
	_, err := b.w.Write(b.compressor.Data)
	return err
}

// Close sends what is left.
func (b *blockWriter) Close() error {
	if len(b.pending) == 0 {
		return nil
	}
	return b.flush()
}

// acceptedEncoding picks the answer's HTTP compression, in a server's order of preference.
func acceptedEncoding(accept string) string {
	for _, name := range []string{"br", "zstd", "gzip", "deflate"} {
		for part := range strings.SplitSeq(accept, ",") {
			if strings.TrimSpace(strings.SplitN(part, ";", 2)[0]) == name {
				return name
			}
		}
	}
	return ""
}

func encoder(w io.Writer, encoding string) (io.WriteCloser, error) {
	switch encoding {
	case "br":
		return brotli.NewWriterLevel(w, 3), nil
	case "zstd":
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	case "deflate":
		return zlib.NewWriterLevel(w, 3)
	default:
		return gzip.NewWriterLevel(w, 3)
	}
}

// contentType is the media type ClickHouse gives a format.
func contentType(format string) string {
	switch {
	case format == "JSONEachRow", format == "JSONLines", format == "NDJSON", strings.HasPrefix(format, "JSONCompactEachRow"):
		return "application/x-ndjson; charset=UTF-8"
	case strings.HasPrefix(format, "JSON"):
		return "application/json; charset=UTF-8"
	case strings.HasPrefix(format, "CSV"):
		return "text/csv; charset=UTF-8; header=" + map[bool]string{true: "present", false: "absent"}[strings.Contains(format, "WithNames")]
	case strings.HasPrefix(format, "TabSeparated"), strings.HasPrefix(format, "TSV"):
		return "text/tab-separated-values; charset=UTF-8"
	case format == "XML":
		return "application/xml; charset=UTF-8"
	case format == "Native", strings.HasPrefix(format, "RowBinary"), format == "Parquet", format == "ORC", format == "MsgPack", strings.HasPrefix(format, "Arrow"):
		return "application/octet-stream"
	}
	return "text/plain; charset=UTF-8"
}
