package clickhouse

import (
	"bufio"
	"compress/bzip2"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// spoolMemory is how much of an insert's data may stay in memory; more goes to disk.
const spoolMemory = 16 << 20

// body is the request's body after HTTP compression and, with decompress=1, ClickHouse's block compression.
func (f *front) body(r *http.Request, blocks bool) (io.Reader, error) {
	var body io.Reader = r.Body
	var err error
	switch encoding := strings.ToLower(r.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
	case "gzip", "x-gzip":
		body, err = gzip.NewReader(body)
	case "deflate":
		body, err = zlib.NewReader(body)
	case "br":
		body = brotli.NewReader(body)
	case "zstd":
		body, err = zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(128<<20))
	case "lz4":
		body = lz4.NewReader(body)
	case "snappy":
		body = snappy.NewReader(body)
	case "bz2":
		body = bzip2.NewReader(body)
	default:
		return nil, newException(48, "NOT_IMPLEMENTED", "Unknown compression method: %s", encoding)
	}
	if err != nil {
		return nil, bodyError(err)
	}
	if blocks {
		body = newBlockReader(body)
	}
	return body, nil
}

// blockReader reads ClickHouse's compressed blocks and tells the end of the last one from a block cut short, which
// compress.Reader doesn't. Its errors stick: compress.Reader, read again after its end, repeats its last block.
type blockReader struct {
	source *bufio.Reader
	blocks *compress.Reader
	err    error
}

func newBlockReader(r io.Reader) *blockReader {
	source := bufio.NewReader(r)
	return &blockReader{source: source, blocks: compress.NewReader(source)}
}

func (b *blockReader) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	_, peekErr := b.source.Peek(1)
	n, err := b.blocks.Read(p)
	switch {
	case err == nil || !errors.Is(err, io.EOF):
		b.err = err
	case peekErr != nil:
		b.err = peekErr
	default:
		b.err = io.ErrUnexpectedEOF
	}
	return n, b.err
}

func bodyError(err error) error {
	var ex *Exception
	if errors.As(err, &ex) {
		return ex
	}
	if errors.Is(err, syscall.ENOSPC) {
		return newException(codeNotEnoughSpace, "NOT_ENOUGH_SPACE", "No space left for the request's body: %v", err)
	}
	return newException(codeCannotReadAll, "CANNOT_READ_ALL_DATA", "Cannot read the request's body: %v", err)
}

// spool keeps the whole of an insert's data, so that the engine never sees a body that was cut short: in memory up to
// spoolMemory, then in a file without a name in the engine's directory.
func (f *front) spool(data io.Reader) (*os.File, error) {
	file, err := memoryFile()
	if err != nil {
		return nil, err
	}
	n, err := io.CopyN(file, data, spoolMemory)
	if errors.Is(err, io.EOF) {
		return file, nil
	}
	defer func() {
		if err != nil {
			_ = file.Close()
		}
	}()
	if err != nil {
		return nil, bodyError(err)
	}
	memory := file
	defer memory.Close()
	if file, err = f.diskFile(); err != nil {
		return nil, err
	}
	if _, err = io.Copy(file, io.MultiReader(io.NewSectionReader(memory, 0, n), data)); err != nil {
		return nil, bodyError(err)
	}
	return file, nil
}

func (f *front) diskFile() (*os.File, error) {
	file, err := os.CreateTemp(f.layout.Tmp, "insert-")
	if err != nil {
		return nil, fmt.Errorf("spool an insert to disk: %w", err)
	}
	if err := os.Remove(file.Name()); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("spool an insert to disk: %w", err)
	}
	return file, nil
}
