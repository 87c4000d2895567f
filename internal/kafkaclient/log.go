package kafkaclient

import (
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
)

// Log passes franz-go's warnings and errors on to a Collector's logger.
func Log(log *zap.Logger) kgo.Opt { return kgo.WithLogger(kafkaLog{log}) }

type kafkaLog struct{ log *zap.Logger }

// Level asks franz-go for warnings and errors only.
func (kafkaLog) Level() kgo.LogLevel { return kgo.LogLevelWarn }

// Log implements kgo.Logger.
func (l kafkaLog) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	fields := make([]zap.Field, 0, len(keyvals)/2)
	for i := 0; i+1 < len(keyvals); i += 2 {
		if key, ok := keyvals[i].(string); ok {
			fields = append(fields, zap.Any(key, keyvals[i+1]))
		}
	}
	if level == kgo.LogLevelError {
		l.log.Error(msg, fields...)
		return
	}
	l.log.Warn(msg, fields...)
}
