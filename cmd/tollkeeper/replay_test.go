package main

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/replay"
)

// The key comes from a file or the environment, and only goes where nobody can read it on the way.
func TestReplayTakesItsKeyFromAFileOrTheEnvironment(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	file, empty, two := write("key", "tk_file\n"), write("empty", "\n"), write("two", "tk_a tk_b")
	for _, c := range []struct{ name, env, file, header, to, want, err string }{
		{name: "none", to: "collector.example:4317"},
		{name: "file", file: file, to: "grpcs://collector.example:4317", want: "Bearer tk_file"},
		{name: "file before environment", env: "tk_env", file: file, to: "https://collector.example", want: "Bearer tk_file"},
		{name: "environment", env: "tk_env", to: "127.0.0.1:4317", want: "Bearer tk_env"},
		{name: "this machine", env: "tk_env", to: "http://localhost:4318", want: "Bearer tk_env"},
		{name: "header before environment", env: "tk_env", header: "Bearer mine", to: "[::1]:4317", want: "Bearer mine"},
		{name: "both", file: file, header: "Bearer mine", to: "127.0.0.1:4317", err: "two keys"},
		{name: "no file", file: filepath.Join(dir, "nowhere"), to: "127.0.0.1:4317", err: "no such file"},
		{name: "empty", file: empty, to: "127.0.0.1:4317", err: "is empty"},
		{name: "two", file: two, to: "127.0.0.1:4317", err: "one line without spaces"},
		{name: "open way", file: file, to: "collector.example:4317", err: "readable on the way"},
		{name: "open web", env: "tk_env", to: "http://10.0.0.1:4318", err: "readable on the way"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv(keyVariable, c.env)
			headers := map[string]string{}
			if c.header != "" {
				headers["authorization"] = c.header
			}
			err := addKey(headers, c.file, c.to)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				require.NotContains(t, err.Error(), "tk_")
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, headers["authorization"])
		})
	}
}

// Where nothing listens, that is said at once, and what to do when it is given up.
func TestReplayToNobodySaysWhatToDo(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	for _, to := range []string{l.Addr().String(), "http://" + l.Addr().String()} {
		c, said := newReplay(), &strings.Builder{}
		c.SetOut(io.Discard)
		c.SetErr(said)
		err := runReplay(t.Context(), c, recording, to, replay.Options{Timeout: 300 * time.Millisecond})
		require.ErrorContains(t, err, "start it with `tollkeeper up`, or name where OTLP is taken with --to")
		require.Equal(t, 1, strings.Count(said.String(), "nothing answers there"), said)
	}
}
