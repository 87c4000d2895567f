package clickhouse

import (
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
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

// clientPatience is how long a client may take to accept a piece of its answer.
const clientPatience = time.Minute

// reply writes one answer. The head goes out with the first bytes beyond replyBuffer, or at the end.
type reply struct {
	w       http.ResponseWriter
	control *http.ResponseController
	q       *request
	began   time.Time
	newFile func() (*os.File, error) // for answers held back whole that are too large for memory

	held    []byte
	file    *os.File // what was held back after held was full
	started bool
	tag     string
	body    io.Writer // through compression, once started
	closers []io.Closer
}

func newReply(w http.ResponseWriter, q *request, began time.Time, newFile func() (*os.File, error)) *reply {
	return &reply{w: w, control: http.NewResponseController(w), q: q, began: began, newFile: newFile, tag: newToken()[:16]}
}

// copy writes all that r has.
func (o *reply) copy(r io.Reader) error {
	buffer := make([]byte, 256<<10)
	for {
		n, err := r.Read(buffer)
		if n > 0 {
			if _, err := o.Write(buffer[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the engine's answer: %w", err)
		}
	}
}

// Write takes bytes of the answer.
func (o *reply) Write(p []byte) (int, error) {
	if !o.started {
		held, err := o.hold(p)
		if held || err != nil {
			return len(p), err
		}
		if err := o.start(); err != nil {
			return 0, err
		}
	}
	if err := o.control.SetWriteDeadline(time.Now().Add(clientPatience)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	n, err := o.body.Write(p)
	if err == nil && !o.q.compress && o.q.encoding == "" {
		err = o.control.Flush()
	}
	return n, err
}

// hold keeps p back if it may: up to replyBuffer, or the whole answer with wait_end_of_query, in memory first.
func (o *reply) hold(p []byte) (bool, error) {
	limit := replyBuffer
	if o.q.bufferAll {
		limit = spoolMemory
	}
	if o.file == nil && len(o.held)+len(p) <= limit {
		o.held = append(o.held, p...)
		return true, nil
	}
	if !o.q.bufferAll {
		return false, nil
	}
	if o.file == nil {
		var err error
		if o.file, err = o.newFile(); err != nil {
			return false, err
		}
	}
	_, err := o.file.Write(p)
	return true, err
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
		b := blockWriters.Get().(*blockWriter)
		b.w = o.w
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
	if o.file != nil {
		if _, err := o.file.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("read the answer held back: %w", err)
		}
		return o.copy(o.file)
	}
	return nil
}

// finish sends the rest of a good answer.
func (o *reply) finish(res result) error {
	if !o.started {
		o.w.Header().Set("X-ClickHouse-Summary", fmt.Sprintf(
			`{"read_rows":"%d","read_bytes":"%d","written_rows":"%d","written_bytes":"%d","total_rows_to_read":"0","result_rows":"%d","result_bytes":"%d","elapsed_ns":"%d"}`,
			res.rowsRead, res.bytesRead, res.rowsWritten, res.bytesWritten, res.rowsWritten, len(o.held), time.Since(o.began).Nanoseconds()))
		if len(o.held) == 0 {
			o.q.compress, o.q.encoding = false, ""
			o.w.Header().Set("Content-Length", "0")
		}
		if err := o.start(); err != nil {
			return nil // the client left
		}
	}
	o.endBody()
	return nil
}

// endBody ends the compression, if any.
func (o *reply) endBody() {
	for _, c := range o.closers {
		_ = c.Close()
	}
	o.closers = nil
}

// close frees what the answer held.
func (o *reply) close() {
	if o.file != nil {
		_ = o.file.Close()
	}
}

// abort ends the answer when it can't be delivered: an error of ours before the head went out, else a cut connection.
func (o *reply) abort(err error) error {
	if !o.started {
		return err
	}
	panic(http.ErrAbortHandler)
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
		o.endBody()
		_, _ = io.WriteString(o.w, block)
	} else {
		_, _ = io.WriteString(o.body, block)
		o.endBody()
	}
	_ = o.control.Flush()
	panic(http.ErrAbortHandler)
}

// blockWriters are used again: a new one's tables cost more than a short answer.
var blockWriters = sync.Pool{New: func() any { return &blockWriter{compressor: compress.NewWriter(compress.LevelZero, compress.LZ4)} }}

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

// Close sends what is left. It isn't to be used after that.
func (b *blockWriter) Close() (err error) {
	if len(b.pending) > 0 {
		err = b.flush()
	}
	b.w, b.pending = nil, b.pending[:0]
	blockWriters.Put(b)
	return err
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
