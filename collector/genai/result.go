package genai

import (
	"math"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// RateLimited is the error class of an answer 429.
const RateLimited = "rate_limited"

// result sets how the request went: streamed or not, finish reason, error class, time to the first token.
func (r *Reader) result(span ptrace.Span, s *scratch, c *ledger.Call) {
	c.FinishReason = s.text(fFinish)
	if f := c.FinishReason; f != "" && !(letter(f[0]) && letter(f[len(f)-1])) {
		c.FinishReason = strings.Trim(f, `[]" `)
	}
	c.FirstToken = firstToken(s)
	c.Kind = "sync"
	if isStream(s) || (c.FirstToken > 0 && !s.has(fStream)) { // OpenLIT tells a first token of every answer
		c.Kind = "stream"
		c.Flags |= ledger.FlagStream
	}
	if c.FirstToken == 0 && c.Flags&ledger.FlagStream != 0 {
		c.FirstToken = firstTokenEvent(span)
	}
	c.RequestBytes, c.ResponseBytes = size(s, fRequestBytes), size(s, fResponseBytes)
	if c.ErrorClass = errorClass(span, s); c.ErrorClass == RateLimited {
		c.Flags |= ledger.FlagRateLimited
	}
	s.refused = c.ErrorClass != "" && refused(span, s, c)
}

func letter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }

// errorClass is empty for a success, else what the span, or the exception it recorded, calls the error.
func errorClass(span ptrace.Span, s *scratch) string {
	class := s.text(fErrorType)
	if class == "" && span.Status().Code() != ptrace.StatusCodeError {
		return ""
	}
	for _, e := range span.Events().All() {
		if v, ok := e.Attributes().Get("exception.type"); ok && class == "" {
			class = text(v)
		}
	}
	class = strings.TrimSuffix(strings.TrimPrefix(class, "<class '"), "'>")
	switch {
	case limited(class), s.text(fStatus) == "429", limited(span.Status().Message()):
		return RateLimited
	case class == "":
		return "error"
	}
	return class
}

// limited recognises an answer 429 by what clients call it, in a class or in a message.
func limited(said string) bool {
	switch said[strings.LastIndexByte(said, '.')+1:] {
	case "":
		return false
	case "429", "ThrottlingException", "ResourceExhausted", "RESOURCE_EXHAUSTED", "TooManyRequests":
		return true
	}
	return strings.Contains(said, "RateLimit") || strings.Contains(said, "rate_limit") || strings.Contains(said, "Error code: 429")
}

func isStream(s *scratch) bool {
	if s.has(fStream) {
		v := s.value(fStream)
		return (v.Type() == pcommon.ValueTypeBool && v.Bool()) || (v.Type() == pcommon.ValueTypeStr && strings.EqualFold(v.Str(), "true"))
	}
	if p := s.text(fParameters); p != "" && len(p) <= maxAnswer {
		return strings.Contains(p, `"stream": true`) || strings.Contains(p, `"stream":true`)
	}
	return s.has(fVercelOperation) && strings.HasSuffix(s.text(fVercelOperation), ".doStream")
}

// firstToken is the time from the start to the first token in nanoseconds, 0 if it isn't told or can't be true.
func firstToken(s *scratch) int64 {
	unit, f := float64(time.Second), fFirstTokenSeconds
	if !s.has(f) {
		unit, f = float64(time.Millisecond), fFirstTokenMillis
	}
	if !s.has(f) {
		return 0
	}
	var n float64
	switch v := s.value(f); v.Type() {
	case pcommon.ValueTypeDouble:
		n = v.Double()
	case pcommon.ValueTypeInt:
		n = float64(v.Int())
	}
	if n *= unit; n > 0 && n < float64(24*time.Hour) {
		return int64(math.Round(n))
	}
	return 0
}

// firstTokenEvent is the same from the events that OpenInference and the Vercel AI SDK write when the first piece arrives.
func firstTokenEvent(span ptrace.Span) int64 {
	for _, e := range span.Events().All() {
		if n := e.Name(); n != "First Token Stream Event" && n != "ai.stream.firstChunk" {
			continue
		}
		if at, start := e.Timestamp(), span.StartTimestamp(); start != 0 && at > start && at <= span.EndTimestamp() {
			return int64(at - start)
		}
	}
	return 0
}

func size(s *scratch, f field) int64 {
	n, state := s.count(f)
	if state != countOK {
		return 0
	}
	return n
}
