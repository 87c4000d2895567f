package replay

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const oneSpan = `{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a","traceId":"00000000000000000000000000000001","spanId":"0000000000000001"}]}]}]}`

func put(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestFilesThatAreNotRecordingsAreNamed(t *testing.T) {
	cases := map[string]struct{ content, want string }{
		"empty":          {"", "empty"},
		"blank":          {" \n", "empty"},
		"text":           {"hello", "neither JSON nor protobuf"},
		"truncated":      {oneSpan[:len(oneSpan)-20], "not JSON at byte"},
		"other document": {`{"name":"x"}`, "no spans"},
		"no spans":       {`{"resourceSpans":[]}`, "no spans"},
		"wrong types":    {`{"resourceSpans":"all of them"}`, "not OTLP"},
		"bad id":         {strings.Replace(oneSpan, "0000000000000001\"}", "xyz\"}", 1), "not OTLP"},
		"list":           {"[1,2]", "neither JSON nor protobuf"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			path := put(t, t.TempDir(), "a.json", c.content)
			r := &receiver{}
			_, err := Replay(t.Context(), path, r.grpc(t), Options{})
			require.ErrorContains(t, err, path)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "want OTLP: JSON")
			require.Zero(t, r.requests)
		})
	}
	_, err := Replay(t.Context(), filepath.Join(t.TempDir(), "none"), "localhost:1", Options{})
	require.ErrorContains(t, err, "give a file or a folder")
	_, err = Replay(t.Context(), t.TempDir(), "localhost:1", Options{})
	require.ErrorContains(t, err, "no recordings in this folder")
}

func TestOneBadFileKeepsAllFromBeingSent(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a.json", oneSpan)
	b, c := put(t, dir, "b.json", "{"), put(t, dir, "c.pb", "\xff\xff")
	r := &receiver{}
	_, err := Replay(t.Context(), dir, r.grpc(t), Options{})
	require.ErrorContains(t, err, b)
	require.ErrorContains(t, err, c)
	require.Zero(t, r.requests)
}

func TestJSONLines(t *testing.T) {
	sg, err := decode([]byte(oneSpan + "\n" + oneSpan + "\n"))
	require.NoError(t, err)
	require.Equal(t, 2, sg.traces.SpanCount())
}

func TestLargeRecordingsAreSentInParts(t *testing.T) {
	td := ptrace.NewTraces()
	for scope := range 3 {
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutInt("n", int64(scope))
		ss := rs.ScopeSpans().AppendEmpty()
		ss.Scope().SetName(fmt.Sprint(scope))
		for range 700 {
			ss.Spans().AppendEmpty().SetName("x")
		}
	}
	parts := split(td, spansPerRequest)
	total := 0
	for _, p := range parts {
		require.LessOrEqual(t, p.SpanCount(), spansPerRequest)
		total += p.SpanCount()
		rs := p.ResourceSpans().At(0)
		n, _ := rs.Resource().Attributes().Get("n")
		require.Equal(t, fmt.Sprint(n.Int()), rs.ScopeSpans().At(0).Scope().Name())
	}
	require.Equal(t, 2100, total)
	require.Len(t, parts, 6)
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(oneSpan))
	f.Add([]byte("\n\x02\x12\x00"))
	f.Fuzz(func(t *testing.T, content []byte) {
		sg, err := decode(content)
		require.True(t, err != nil || sg.traces.SpanCount() > 0)
	})
}

func TestLoad(t *testing.T) {
	list, err := Load(recorded)
	require.NoError(t, err)
	emitters, priced := map[string]bool{}, 0
	for _, r := range list {
		require.Equal(t, r.Emitter+"/"+r.Case, r.Name)
		require.NotEmpty(t, r.Versions, r.Name)
		require.NotEmpty(t, r.Provider, r.Name)
		require.NotEmpty(t, r.Recorded, r.Name)
		require.False(t, r.When.IsZero(), r.Name)
		emitters[r.Emitter] = true
		for _, b := range r.Billed {
			require.False(t, b.Usage.Zero(), r.Name)
			require.Positive(t, int64(b.USD), r.Name)
			priced++
		}
	}
	require.GreaterOrEqual(t, len(emitters), 14)
	require.GreaterOrEqual(t, len(list), 80)
	require.Greater(t, priced, 80)
}

func TestLoadTellsWhatIsWrongWithEachRecording(t *testing.T) {
	dir := t.TempDir()
	for name, truth := range map[string]string{
		"bucket": `{"billed":[{"usage":{"tokens":3},"usd":"1"}]}`, "amount": `{"billed":[{"usd":"1e-3"}]}`,
		"key": `{"bill":[]}`, "count": `{"billed":[{"usage":{"fresh_input":-1},"usd":"1"}]}`, "alone": "",
	} {
		put(t, dir, name+".otlp.json", oneSpan)
		if truth != "" {
			put(t, dir, name+".truth.json", truth)
		}
	}
	_, err := Load(dir)
	for _, name := range []string{"bucket", "amount", "key", "count", "alone"} {
		require.ErrorContains(t, err, filepath.Join(dir, name+".truth.json"))
	}
	empty := t.TempDir()
	put(t, empty, "a.json", oneSpan)
	_, err = Load(empty)
	require.ErrorContains(t, err, "record/run")
}
