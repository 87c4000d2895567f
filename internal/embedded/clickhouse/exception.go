package clickhouse

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// Exception is an error of the engine or of its front, as ClickHouse words it.
type Exception struct {
	Code int
	// Text is the whole message, "Code: 60. DB::Exception: … (UNKNOWN_TABLE)".
	Text string
}

func (e *Exception) Error() string { return e.Text }

// Codes the front itself raises; numbers and names are ClickHouse's (src/Common/ErrorCodes.cpp).
const (
	codeUnsupportedMethod = 1
	codeCannotReadAll     = 33
	codeBadArguments      = 36
	codeNotImplemented    = 48
	codeLogicalError      = 49
	codeSyntaxError       = 62
	codeUnknownFormat     = 73
	codeUnknownSetting    = 115
	codeReadonly          = 164
	codeRequiredPassword  = 194
	codeTooManyQueries    = 202
	codeNotEnoughSpace    = 243
	codeCorruptedData     = 246
	codeSessionNotFound   = 372
	codeSessionLocked     = 373
	codeQueryCancelled    = 394
	codeAccessDenied      = 497
	codeAuthFailed        = 516
)

func newException(code int, name, format string, args ...any) *Exception {
	return &Exception{Code: code, Text: fmt.Sprintf("Code: %d. DB::Exception: %s (%s)", code, fmt.Sprintf(format, args...), name)}
}

var exceptionCode = regexp.MustCompile(`^Code: (\d+)\.`)

func parseException(text string) *Exception {
	text = strings.TrimRight(text, "\n")
	m := exceptionCode.FindStringSubmatch(text)
	if m == nil {
		return newException(codeLogicalError, "LOGICAL_ERROR", "%s", text)
	}
	code, err := strconv.Atoi(m[1])
	if err != nil {
		code = codeLogicalError
	}
	return &Exception{Code: code, Text: text}
}

// ofBrokenPart says that a part of a table can't be read, not that what a client sent can't. The marks of an index are read
// before the part is, so that message names only the file.
func (e *Exception) ofBrokenPart() bool {
	return e.Code == codeCorruptedData && (strings.Contains(e.Text, "while reading from part") || strings.Contains(e.Text, "Empty marks file"))
}

var pathOfPart = regexp.MustCompile(`/store/[^/]+/[^/]+/[^/' )]+`)

// brokenPart is the part that can't be read, by its path below the disk; empty if the text names none.
func (e *Exception) brokenPart() string { return pathOfPart.FindString(e.Text) }

// status is the HTTP status for an exception code, as in ClickHouse's HTTP/exceptionCodeToHTTPStatus.cpp.
func (e *Exception) status() int {
	switch e.Code {
	case 194: // REQUIRED_PASSWORD
		return http.StatusUnauthorized
	case 192, 193, 512, 516: // UNKNOWN_USER, WRONG_PASSWORD, SET_NON_GRANTED_ROLE, AUTHENTICATION_FAILED
		return http.StatusForbidden
	case 6, 15, 25, 26, 27, 34, 35, 36, 38, 41, 44, 53, 62, 69, 72, 117, 167, 168, 223, 376, 427, 441, 442:
		return http.StatusBadRequest
	case 46, 47, 50, 56, 60, 63, 73, 81, 107, 115, 137, 139:
		return http.StatusNotFound
	case 48: // NOT_IMPLEMENTED
		return http.StatusNotImplemented
	case 159: // TIMEOUT_EXCEEDED
		return http.StatusRequestTimeout
	case 76, 202, 209, 439: // CANNOT_OPEN_FILE, TOO_MANY_SIMULTANEOUS_QUERIES (ours), SOCKET_TIMEOUT, CANNOT_SCHEDULE_TASK
		return http.StatusServiceUnavailable
	case 497: // ACCESS_DENIED
		return http.StatusForbidden
	case 381: // HTTP_LENGTH_REQUIRED
		return http.StatusLengthRequired
	}
	return http.StatusInternalServerError
}
