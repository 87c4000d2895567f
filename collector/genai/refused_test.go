package genai

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// A failed request without usage is free only where the provider, or a gateway before it, answered that it refuses. Where
// it is not known that no token was made, the call is unpriced: the provider may bill it (DESIGN law 3).
func TestOnlyARefusedRequestIsFree(t *testing.T) {
	for name, c := range map[string]struct {
		attrs     attrs
		message   string // of the status
		exception [2]string
		free      bool
	}{
		"429":                             {attrs{"error.type": "429"}, "", [2]string{}, true},
		"500":                             {attrs{"error.type": "500"}, "", [2]string{}, true},
		"status 400":                      {attrs{"http.response.status_code": 400}, "", [2]string{}, true},
		"status 529 as a text":            {attrs{"http.status_code": "529", "error.type": "x"}, "", [2]string{}, true},
		"class":                           {attrs{"error.type": "openai.BadRequestError"}, "", [2]string{}, true},
		"python class":                    {attrs{"error.type": "<class 'openai.InternalServerError'>"}, "", [2]string{}, true},
		"the provider's word":             {attrs{"error.type": "overloaded_error"}, "", [2]string{}, true},
		"aws":                             {attrs{"error.type": "AccessDeniedException"}, "", [2]string{}, true},
		"python message":                  {nil, "Error code: 529 - {'type': 'error'}", [2]string{}, true},
		"class before the message":        {nil, "ClientError: 403 PERMISSION_DENIED. {}", [2]string{"google.genai.errors.ClientError", ""}, true},
		"message of the exception":        {nil, "", [2]string{"google.genai.errors.ClientError", "400 INVALID_ARGUMENT. {}"}, true},
		"js message":                      {nil, `529 {"type":"error"}`, [2]string{"Error", ""}, true},
		"pydantic message":                {nil, "ModelServerError: status_code: 500, model_name: m", [2]string{}, true},
		"vercel, told by the provider":    {nil, "server_error from the model server", [2]string{"AI_APICallError", "server_error from the model server"}, true},
		"vercel, no connection":           {nil, "Cannot connect to API: ECONNRESET", [2]string{"AI_APICallError", "Cannot connect to API: ECONNRESET"}, false},
		"vercel, an answer it can't read": {nil, "Invalid JSON response", [2]string{"AI_APICallError", "Invalid JSON response"}, false},

		"nothing known":                   {nil, "", [2]string{}, false},
		"some bug of the app":             {attrs{"error.type": "KeyError"}, "", [2]string{}, false},
		"read timeout":                    {attrs{"error.type": "httpx.ReadTimeout"}, "", [2]string{}, false},
		"timeout of the SDK":              {attrs{"error.type": "openai.APITimeoutError"}, "Request timed out.", [2]string{}, false},
		"connection":                      {attrs{"error.type": "openai.APIConnectionError"}, "Connection error.", [2]string{}, false},
		"cancelled":                       {nil, "", [2]string{"asyncio.exceptions.CancelledError", ""}, false},
		"aborted":                         {attrs{"error.type": "AbortError"}, "", [2]string{}, false},
		"timeout that a proxy calls 408":  {attrs{"error.type": "Timeout", "http.response.status_code": 408}, "", [2]string{}, false},
		"client went away":                {attrs{"http.response.status_code": 499}, "", [2]string{}, false},
		"gateway timeout":                 {attrs{"error.type": "504"}, "", [2]string{}, false},
		"deadline":                        {nil, "504 DEADLINE_EXCEEDED. {}", [2]string{"google.genai.errors.ServerError", ""}, false},
		"litellm calls no connection 500": {attrs{"error.type": "APIConnectionError", "http.response.status_code": 500}, "", [2]string{}, false},
		"failed after a good status":      {attrs{"error.type": "overloaded_error", "http.response.status_code": 200}, "", [2]string{}, false},
		"a number that is no status":      {nil, "Request timed out: 500 ms", [2]string{}, false},
		"a status below 400":              {nil, "302 Found", [2]string{}, false},
		"a number within a text":          {nil, "gave up after 500 chunks", [2]string{}, false},
		"refused after the first token":   {attrs{"error.type": "500", "gen_ai.response.time_to_first_chunk": 0.2}, "", [2]string{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, usage := range []attrs{nil, {"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0}} {
				got, out := read(t, "app", pairs(c.attrs).over(pairs(usage).over(chat)), failed, func(s ptrace.Span) {
					s.Status().SetMessage(c.message)
					if c.exception != [2]string{} {
						e := s.Events().AppendEmpty()
						e.SetName("exception")
						e.Attributes().PutStr("exception.type", c.exception[0])
						e.Attributes().PutStr("exception.message", c.exception[1])
					}
				})
				require.Equal(t, Call, out)
				require.NotEmpty(t, got.ErrorClass)
				want := ledger.UnpricedUsage
				if c.free {
					want = ""
				}
				require.Equal(t, want, got.Unpriced, got.ErrorClass)
			}
		})
	}
}

// A failed request that was not refused bills at least what was counted, and says so.
func TestUsageOfABrokenAnswerIsALowerBound(t *testing.T) {
	in := attrs{"gen_ai.usage.input_tokens": 10}
	got, _ := read(t, "app", pairs{"error.type": "httpx.ReadTimeout"}.over(pairs(in).over(chat)), failed)
	require.Empty(t, got.Unpriced)
	require.NotZero(t, got.Flags&ledger.FlagEstimated, "the output isn't told")
	got, _ = read(t, "app", pairs{"error.type": "500"}.over(pairs(in).over(chat)), failed)
	require.Zero(t, got.Flags&ledger.FlagEstimated, "a refused request has no output")
}
