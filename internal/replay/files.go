package replay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const (
	recordingSuffix = ".otlp.json"
	truthSuffix     = ".truth.json"

	// maxFile bounds the memory that one file may take.
	maxFile = 256 << 20
)

// extensions are what a folder is searched for. A single file may have any name.
var extensions = []string{".json", ".jsonl", ".pb", ".binpb", ".otlp"}

const wanted = `want OTLP: JSON ({"resourceSpans": …} or {"resourceLogs": …}, one document or one per line) or a protobuf ExportTraceServiceRequest`

// files lists what is to be sent, in the order of their names.
func files(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("recordings: %w; give a file or a folder of them", err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var found []string
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && slices.Contains(extensions, filepath.Ext(p)) && !strings.HasSuffix(p, truthSuffix) {
			found = append(found, p)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list recordings: %w", err)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: no recordings in this folder; they end in %s", path, strings.Join(extensions, ", "))
	}
	return found, nil
}

// signals is what one file holds.
type signals struct {
	traces ptrace.Traces
	logs   plog.Logs
}

// readFile returns what one file holds.
func readFile(path string) (signals, error) {
	info, err := os.Stat(path)
	if err != nil {
		return signals{}, fmt.Errorf("read recording: %w", err)
	}
	if info.Size() > maxFile {
		return signals{}, fmt.Errorf("%s: %d MiB is more than the %d MiB that one recording may have; split it", path,
			info.Size()>>20, maxFile>>20)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return signals{}, fmt.Errorf("read recording: %w", err)
	}
	s, err := decode(content)
	if err != nil {
		return signals{}, fmt.Errorf("%s: %w; %s", path, err, wanted)
	}
	return s, nil
}

// decode reads JSON if the content begins like JSON, else protobuf, which is taken for traces: TracesData and
// ExportTraceServiceRequest are the same bytes.
func decode(content []byte) (signals, error) {
	text := bytes.TrimLeft(content, " \t\r\n\ufeff")
	s := signals{ptrace.NewTraces(), plog.NewLogs()}
	var err error
	switch {
	case len(text) == 0:
		return s, errors.New("the file is empty")
	case text[0] == '{':
		err = s.decodeJSON(text)
	default:
		if s.traces, err = (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(content); err != nil {
			err = fmt.Errorf("neither JSON nor protobuf: %w", err)
		}
	}
	if err != nil {
		return s, err
	}
	if s.traces.SpanCount() == 0 && s.logs.LogRecordCount() == 0 {
		return s, errors.New("no spans in it, and no log records")
	}
	return s, nil
}

// decodeJSON adds every document of the text; one may hold both signals.
func (s *signals) decodeJSON(text []byte) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	for {
		var doc json.RawMessage
		if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("not JSON at byte %d: %w", dec.InputOffset(), err)
		}
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(doc)
		if err != nil {
			return fmt.Errorf("JSON, but not OTLP: %w", err)
		}
		ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(doc)
		if err != nil {
			return fmt.Errorf("JSON, but not OTLP: %w", err)
		}
		td.ResourceSpans().MoveAndAppendTo(s.traces.ResourceSpans())
		ld.ResourceLogs().MoveAndAppendTo(s.logs.ResourceLogs())
	}
}
