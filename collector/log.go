package collector

import (
	"context"
	"log/slog"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Under trouble the same message comes with every request: after the first few of each, one in a thousand is logged.
const (
	logTick  = 10 * time.Second
	logFirst = 3
	logEvery = 1000
)

// zapToSlog makes a zap logger that writes to log, without stack traces. The Collector's info lines tell of its inner
// steps; they become debug lines.
func zapToSlog(log *slog.Logger) *zap.Logger {
	core := zapcore.NewSamplerWithOptions(slogCore{handler: log.Handler()}, logTick, logFirst, logEvery)
	return zap.New(core)
}

type slogCore struct{ handler slog.Handler }

func slogLevel(l zapcore.Level) slog.Level {
	switch {
	case l >= zapcore.ErrorLevel:
		return slog.LevelError
	case l == zapcore.WarnLevel:
		return slog.LevelWarn
	}
	return slog.LevelDebug
}

// Enabled implements zapcore.Core.
func (c slogCore) Enabled(l zapcore.Level) bool {
	return c.handler.Enabled(context.Background(), slogLevel(l))
}

// With implements zapcore.Core.
func (c slogCore) With(fields []zapcore.Field) zapcore.Core {
	return slogCore{c.handler.WithAttrs(attrs(fields))}
}

// Check implements zapcore.Core.
func (c slogCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return ce.AddCore(e, c)
	}
	return ce
}

// Write implements zapcore.Core.
func (c slogCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	r := slog.NewRecord(e.Time, slogLevel(e.Level), e.Message, 0)
	r.AddAttrs(attrs(fields)...)
	return c.handler.Handle(context.Background(), r)
}

// Sync implements zapcore.Core.
func (slogCore) Sync() error { return nil }

func attrs(fields []zapcore.Field) []slog.Attr {
	enc := zapcore.NewMapObjectEncoder()
	out := make([]slog.Attr, 0, len(fields))
	for _, f := range fields {
		f.AddTo(enc)
		v, ok := enc.Fields[f.Key]
		// The resource of the process itself says nothing in every line of its own log.
		if !ok || f.Key == "resource" || f.Key == "errorVerbose" {
			continue
		}
		out = append(out, slog.Any(f.Key, v))
	}
	return out
}
