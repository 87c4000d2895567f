package telemetry

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// LogConfig says how logs are written.
type LogConfig struct {
	Level  string `yaml:"level"`  // debug, info, warn, error
	Format string `yaml:"format"` // text, json
}

// DefaultLogConfig logs from info on, as text.
func DefaultLogConfig() LogConfig { return LogConfig{Level: "info", Format: "text"} }

// Validate reports every bad value.
func (c LogConfig) Validate() error {
	var problems []error
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		problems = append(problems, fmt.Errorf("log.level %q: use debug, info, warn or error", c.Level))
	}
	if c.Format != "text" && c.Format != "json" {
		problems = append(problems, fmt.Errorf("log.format %q: use text or json", c.Format))
	}
	return errors.Join(problems...)
}

// NewLogger writes to w as configured; the config has been validated.
func NewLogger(w io.Writer, c LogConfig) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level))
	opts := &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if err, ok := a.Value.Any().(error); ok && a.Value.Kind() == slog.KindAny {
			a.Value = slog.StringValue(ErrorText(err))
		}
		return a
	}}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}
