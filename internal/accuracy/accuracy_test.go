package accuracy_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/accuracy"
	"github.com/tollkeeper/tollkeeper/ledger"
)

const recordings = "../../collector/genai/testdata/recordings"

// show judges a folder as the command does.
func show(t *testing.T, dir string, format accuracy.Format) (out string, err error) {
	t.Helper()
	rows, err := accuracy.Recordings(t.Context(), dir)
	require.NoError(t, err)
	var b strings.Builder
	err = accuracy.Write(&b, rows, format)
	return b.String(), err
}

func lastLine(out string) string {
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	return lines[len(lines)-1]
}

// copied is a copy of recordings, in which one text of one file is replaced.
func copied(t *testing.T, from, file, old, text string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(from)))
	path := filepath.Join(dir, file)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(content), old)
	require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(content), old, text, 1)), 0o600))
	return dir
}

func TestRecordingsReachTheGoals(t *testing.T) {
	out, err := show(t, recordings, accuracy.Full)
	require.NoError(t, err)
	require.Regexp(t, `^ACCURACY: got \d+ recorded emitters and \d+ written by hand, \d+ cases, \d+ equal, \d+ told, 0 silently different `+
		`\(goal >= 14 recorded, >= 80 cases, 0 silently different\) ok$`, lastLine(out))
	require.Regexp(t, `(?m)^litellm-openai +openai +chat-cached +\S+ +\S+ +equal$`, out)
	require.Regexp(t, `(?m)^openlit-openai +openai +\S+ +\S+ +\S+ +told: .*audio_unknown.*; at least \S+$`, out)
}

func TestAFalsifiedBillIsDifferent(t *testing.T) {
	cases := map[string]struct{ file, old, text, verdict string }{
		"10⁻¹² USD more than was read":                {"openinference-openai/chat-audio", `"0.042600000000"`, `"0.042600000001"`, "DIFFERENT: nothing"},
		"of a call that may be told twice, but isn't": {"litellm-openai/chat-audio", `"0.042600000000"`, `"0.042600000001"`, "DIFFERENT: nothing"},
		"of calls that are told twice":                {"anthropic-sdk-and-openinference/messages", `"0.001015000000"`, `"0.001015000001"`, "DIFFERENT: nothing"},
		"less than was told at least":                 {"openlit-openai/chat-audio", `"usd": "0.0`, `"usd": "0.00000`, "DIFFERENT: at least"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			out, err := show(t, copied(t, recordings, c.file+".truth.json", c.old, c.text), accuracy.Full)
			require.ErrorContains(t, err, "1 silently different")
			require.Regexp(t, ` told, 1 silently different \(goal .*\) short$`, lastLine(out))
			emitter, name, _ := strings.Cut(c.file, "/")
			require.Regexp(t, "(?m)^"+emitter+" .* "+name+" .* "+c.verdict, out)
		})
	}
}

// A bill of which the emitter told nothing is not explained by that.
func TestABillWithoutACallIsDifferent(t *testing.T) {
	dir := copied(t, recordings+"/openlit-openai", "chat.otlp.json", `"gen_ai.`, `"not_ai.`)
	path := filepath.Join(dir, "chat.otlp.json")
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(string(content), `"gen_ai.`, `"not_ai.`)), 0o600))
	out, err := show(t, dir, accuracy.Full)
	require.ErrorContains(t, err, "1 silently different")
	require.Regexp(t, `(?m)^openlit-openai .* chat +\S+ +0.00 +DIFFERENT`, out)
}

func TestTooFewRecordingsAreShort(t *testing.T) {
	out, err := show(t, recordings+"/vercel-openai", accuracy.Full)
	require.ErrorContains(t, err, "1 of 14 emitters")
	require.Regexp(t, `^ACCURACY: got 1 recorded emitters and 0 written by hand, .* 0 silently different \(goal .*\) short$`, lastLine(out))
}

func TestJSONIsARowPerCase(t *testing.T) {
	out, err := show(t, recordings, accuracy.JSON)
	require.NoError(t, err)
	rows, err := accuracy.Recordings(t.Context(), recordings)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	require.Len(t, lines, len(rows))
	for i, line := range lines {
		var got struct {
			Emitter, Provider, Case, Verdict string
			Billed                           string `json:"billed_usd"`
			Ours                             string `json:"ours_usd"`
			AtLeast                          string `json:"at_least_usd"`
			Reasons                          []string
		}
		require.NoError(t, json.Unmarshal([]byte(line), &got))
		require.Equal(t, []string{rows[i].Emitter, rows[i].Provider, rows[i].Case, rows[i].Verdict},
			[]string{got.Emitter, got.Provider, got.Case, got.Verdict})
		billed, err := ledger.ParseSum(got.Billed)
		require.NoError(t, err)
		require.Equal(t, rows[i].Billed, billed)
		require.Equal(t, []string{rows[i].Ours.String(), rows[i].AtLeast.String()}, []string{got.Ours, got.AtLeast})
		require.Equal(t, len(rows[i].Reasons), len(got.Reasons))
	}
}

// People get a line per emitter, and whatever is wrong.
func TestSummaryShowsWhatIsDifferent(t *testing.T) {
	out, err := show(t, recordings, accuracy.Summary)
	require.NoError(t, err)
	require.NotContains(t, out, "chat-cached")
	rows, err := accuracy.Recordings(t.Context(), recordings)
	require.NoError(t, err)
	require.Less(t, strings.Count(out, "\n"), len(rows)/5, "a line per emitter, not per case")
	out, err = show(t, copied(t, recordings, "openinference-openai/chat-audio.truth.json", `"0.042600000000"`, `"0.042600000001"`), accuracy.Summary)
	require.Error(t, err)
	require.Regexp(t, `(?m)^openinference-openai +openai +chat-audio .* DIFFERENT`, out)
	require.NotContains(t, out, "chat-cached")
}
