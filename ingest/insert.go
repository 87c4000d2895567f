package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/ClickHouse/ch-go/proto"

	"github.com/tollkeeper/tollkeeper/schema"
)

// inserter sends tables to ClickHouse over HTTP as LZ4-compressed Native blocks: synchronously, without deduplication
// by block, which loses rows (DESIGN D3).
type inserter struct {
	target  schema.Target
	client  *http.Client
	timeout time.Duration
	block   proto.Buffer
	packed  *compress.Writer
	body    bytes.Buffer
}

func newInserter(target schema.Target, timeout time.Duration) *inserter {
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute, DisableCompression: true,
	}
	return &inserter{
		target: target, timeout: timeout, client: &http.Client{Transport: transport},
		packed: compress.NewWriter(compress.LevelZero, compress.LZ4),
	}
}

func (i *inserter) close() { i.client.CloseIdleConnections() }

// packSize is the most that goes into one compressed block, as ClickHouse itself cuts them.
const packSize = 1 << 20

// insert sends all rows with the statement schema.SQL(query). An error says nothing about whether the rows are stored.
func (i *inserter) insert(ctx context.Context, query string, t *table) error {
	if t.rows == 0 {
		return nil
	}
	if err := i.encode(query, t); err != nil {
		return err
	}
	if err := i.post(ctx, schema.SQL(query), i.body.Bytes()); err != nil {
		return fmt.Errorf("%s: %d rows: %w", query, t.rows, err)
	}
	return nil
}

// encode fills body with the table as compressed Native blocks. No more than a column is uncompressed at once.
func (i *inserter) encode(query string, t *table) error {
	i.block.Reset()
	i.body.Reset()
	i.block.PutInt(len(t.input))
	i.block.PutInt(t.rows)
	for _, column := range t.input {
		if n := column.Data.Rows(); n != t.rows {
			return fmt.Errorf("%s: %q has %d rows, expected %d", query, column.Name, n, t.rows)
		}
		column.EncodeStart(&i.block, 0)
		if c, ok := column.Data.(proto.Preparable); ok {
			if err := c.Prepare(); err != nil {
				return fmt.Errorf("%s: encode %q: %w", query, column.Name, err)
			}
		}
		if c, ok := column.Data.(proto.StateEncoder); ok {
			c.EncodeState(&i.block)
		}
		column.Data.EncodeColumn(&i.block)
		if err := i.pack(packSize); err != nil {
			return fmt.Errorf("%s: compress %d rows: %w", query, t.rows, err)
		}
	}
	if err := i.pack(1); err != nil {
		return fmt.Errorf("%s: compress %d rows: %w", query, t.rows, err)
	}
	return nil
}

// pack moves what block holds into body, compressed, until less than least is left.
func (i *inserter) pack(least int) error {
	rest := i.block.Buf
	for len(rest) >= least {
		n := min(len(rest), packSize)
		if err := i.packed.Compress(rest[:n]); err != nil {
			return err
		}
		i.body.Write(i.packed.Data)
		rest = rest[n:]
	}
	i.block.Buf = i.block.Buf[:copy(i.block.Buf, rest)]
	return nil
}

func (i *inserter) post(ctx context.Context, statement string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, i.timeout)
	defer cancel()
	u := url.URL{Scheme: i.target.Scheme, Host: i.target.Host, Path: "/"}
	u.RawQuery = url.Values{
		"query":              {statement},
		"database":           {i.target.Database},
		"decompress":         {"1"},
		"async_insert":       {"0"},
		"deduplicate_insert": {"disable"},
		"wait_end_of_query":  {"1"},
		// Copies within an insert are left to merges and FINAL, as those of two inserts are: to look for them took half of the
		// engine's time (docs/adr/0031-speed-of-ingest.md).
		"optimize_on_insert": {"0"},
	}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("clickhouse at %s: %w", i.target.Host, err)
	}
	req.Header.Set("X-ClickHouse-User", i.target.User)
	if i.target.Password != "" {
		req.Header.Set("X-ClickHouse-Key", i.target.Password)
	}
	res, err := i.client.Do(req)
	if err != nil {
		var where *url.Error // its text repeats the whole statement
		if errors.As(err, &where) {
			err = where.Err
		}
		return fmt.Errorf("clickhouse at %s: %w", i.target.Host, i.target.Unreachable(err))
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("clickhouse at %s: read answer: %w", i.target.Host, err)
	}
	text := strings.TrimSpace(string(answer))
	code := res.Header.Get("X-ClickHouse-Exception-Code")
	if res.StatusCode != http.StatusOK || code != "" || strings.Contains(text, "DB::Exception") {
		return fmt.Errorf("clickhouse at %s: %w", i.target.Host, &serverError{res.Status, code, text, i.target.Remedy(code)})
	}
	return nil
}

// serverError is ClickHouse's own answer to an insert that it didn't do.
type serverError struct{ status, code, text, remedy string }

// Error implements error.
func (e *serverError) Error() string {
	if e.remedy != "" {
		return e.status + ": " + e.text + "; " + e.remedy
	}
	return e.status + ": " + e.text
}
