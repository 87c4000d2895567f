package genai

import (
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// refusals are the classes of errors that stand for an answer 4xx or 5xx: what the clients of OpenAI, Anthropic, Google and
// LiteLLM raise (without their module), what the providers' APIs call the error, and the exceptions of AWS Bedrock. Classes that
// also stand for a broken answer (APIError, APIStatusError) are not here. Collected in November 2026.
var refusals = map[string]bool{
	RateLimited: true,

	"AuthenticationError": true, "BadRequestError": true, "ConflictError": true, "InternalServerError": true,
	"NotFoundError": true, "OverloadedError": true, "PermissionDeniedError": true, "RateLimitError": true,
	"RequestTooLargeError": true, "ServiceUnavailableError": true, "UnprocessableEntityError": true,
	"ClientError": true, "ServerError": true, "AI_APICallError": true,
	"BudgetExceededError": true, "ContentPolicyViolationError": true, "ContextWindowExceededError": true,
	"InvalidRequestError": true, "UnsupportedParamsError": true,

	"api_error": true, "authentication_error": true, "billing_error": true, "context_length_exceeded": true,
	"insufficient_quota": true, "invalid_api_key": true, "invalid_request_error": true, "model_not_found": true,
	"not_found_error": true, "overloaded_error": true, "permission_error": true, "request_too_large": true, "server_error": true,

	"AccessDeniedException": true, "InternalServerException": true, "ModelNotReadyException": true,
	"ResourceNotFoundException": true, "ServiceQuotaExceededException": true, "ServiceUnavailableException": true,
	"ValidationException": true,
}

// broken are parts of the classes of errors after which nobody knows what the provider did: whatever else the span says,
// the request may be billed. (LiteLLM gives a broken connection the status 500.)
var broken = [...]string{"Timeout", "timeout", "TimedOut", "Deadline", "Cancel", "cancel", "Abort", "abort", "Connect", "connect"}

// unread are the beginnings of what Vercel's AI_APICallError says when the provider refused nothing: it was not reached, or its
// answer could not be read (@ai-sdk/provider-utils).
var unread = [...]string{"Cannot connect", "Failed to process successful", "Failed to read", "Invalid JSON", "Response body"}

// refused reports whether a failed request was answered by a refusal, so that it made no token: by a status 4xx or 5xx (an
// attribute, a class, or at the head of a message), or by a class that stands for one. After a first
// token nothing is refused any more. (A response id proves no answer: LiteLLM makes one up for a refusal.)
func refused(span ptrace.Span, s *scratch, c *ledger.Call) bool {
	if c.FirstToken > 0 {
		return false
	}
	class := c.ErrorClass[strings.LastIndexByte(c.ErrorClass, '.')+1:]
	for _, part := range broken {
		if strings.Contains(class, part) {
			return false
		}
	}
	if n := statusNumber(s.text(fStatus)); n != 0 {
		return refusal(n)
	}
	if n := statusNumber(class); n != 0 {
		return refusal(n)
	}
	messages := append(make([]string, 0, 4), span.Status().Message())
	for _, e := range span.Events().All() {
		if v, ok := e.Attributes().Get("exception.message"); ok {
			messages = append(messages, text(v))
		}
	}
	for _, m := range messages {
		if n := statusOf(m); n != 0 {
			return refusal(n)
		}
		for _, head := range unread {
			if strings.HasPrefix(m, head) {
				return false
			}
		}
	}
	return refusals[class]
}

// refusal reports whether a status says that nothing was done. The timeouts among them don't: 408, 499 (the client went away),
// 504 and 524.
func refusal(status int) bool {
	switch status {
	case 408, 499, 504, 524:
		return false
	}
	return status >= 400
}

// statusNumber reads an HTTP status, 0 if the text is none.
func statusNumber(s string) int {
	if len(s) != 3 {
		return 0
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 100 || n > 599 {
		return 0
	}
	return n
}

// statusOf finds an HTTP status of 400 and above at the head of a client's message: "Error code: 529 - …",
// "status_code: 500, …", "529 {…}", each maybe after the name of a class ("ClientError: 429 …").
func statusOf(message string) int {
	if head, rest, ok := strings.Cut(message, ": "); ok && isName(head) {
		message = rest
	}
	for _, intro := range [...]string{"Error code: ", "status_code: "} {
		message = strings.TrimPrefix(message, intro)
	}
	if len(message) < 3 || (len(message) > 3 && message[3] != ' ' && message[3] != ',') {
		return 0
	}
	if n := statusNumber(message[:3]); n >= 400 {
		return n
	}
	return 0
}

// isName reports whether the text can be the name of a class with its module.
func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '.' && c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return s != "status_code"
}
