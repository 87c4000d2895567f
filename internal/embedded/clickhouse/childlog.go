package clickhouse

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"sort"
	"strings"
	"time"
)

// relayLog passes the child's lines on: its own as they were logged, the engine's as text.
func relayLog(r io.Reader, log *slog.Logger) {
	lines := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := lines.ReadString('\n')
		if line = strings.TrimSpace(line); line != "" {
			relayLine(line, log)
		}
		if err != nil {
			return
		}
	}
}

func relayLine(line string, log *slog.Logger) {
	ctx := context.Background()
	var fields map[string]any
	if line[0] != '{' || json.Unmarshal([]byte(line), &fields) != nil {
		log.Warn("engine says", "line", line)
		return
	}
	var level slog.Level
	text, _ := fields[slog.LevelKey].(string)
	_ = level.UnmarshalText([]byte(text))
	message, _ := fields[slog.MessageKey].(string)
	if !log.Enabled(ctx, level) {
		return
	}
	record := slog.NewRecord(time.Now(), level, message, 0)
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if name != slog.TimeKey && name != slog.LevelKey && name != slog.MessageKey {
			record.AddAttrs(slog.Any(name, fields[name]))
		}
	}
	_ = log.Handler().Handle(ctx, record)
}
