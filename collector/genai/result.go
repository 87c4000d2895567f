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

// result sets how the request went: streamed or not, tier, finish reason, error class, time to the first token.
func (r *Reader) result(span ptrace.Span, s *scratch, c *ledger.Call) {
	c.FinishReason = strings.Trim(s.text(fFinish), `[]" `)
	c.ServiceTier = s.text(fTier)
	c.FirstToken = firstToken(s)
	c.Kind = "sync"
	if isStream(s) || c.FirstToken > 0 {
		c.Kind = "stream"
		c.Flags |= ledger.FlagStream
	}
	c.RequestBytes, c.ResponseBytes = size(s, fRequestBytes), size(s, fResponseBytes)
	class := s.text(fErrorType)
	if class == "" && span.Status().Code() == ptrace.StatusCodeError {
		class = "error"
	}
	if limited(class) || s.text(fStatus) == "429" {
		class = RateLimited
		c.Flags |= ledger.FlagRateLimited
	}
	c.ErrorClass = class
}

// limited recognises an answer 429 by the class names that clients give it.
func limited(class string) bool {
	switch class {
	case "429", "rate_limit", "rate_limited", "rate_limit_exceeded", "rate_limit_error", "RateLimitError",
		"openai.RateLimitError", "anthropic.RateLimitError", "litellm.RateLimitError", "ThrottlingException",
		"ResourceExhausted", "RESOURCE_EXHAUSTED", "TooManyRequests":
		return true
	}
	return false
}

func isStream(s *scratch) bool {
	if s.has(fStream) {
		v := s.value[fStream]
		return (v.Type() == pcommon.ValueTypeBool && v.Bool()) || (v.Type() == pcommon.ValueTypeStr && strings.EqualFold(v.Str(), "true"))
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
	switch v := s.value[f]; v.Type() {
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

func size(s *scratch, f field) int64 {
	n, state := s.count(f)
	if state != countOK {
		return 0
	}
	return n
}
