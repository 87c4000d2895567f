package schema_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	osexec "os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/schema"
)

// between stands between Apply and the engine: it sees each statement and may change it, or lose its answer.
type between struct {
	*httptest.Server
	database string
	change   func(statement string) string
	lose     func(statement string) bool // the statement is carried out, its answer is lost
}

func newBetween(t *testing.T, target string) *between {
	t.Helper()
	u, err := url.Parse(target)
	require.NoError(t, err)
	b := &between{database: strings.Trim(u.Path, "/")}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: u.Scheme, Host: u.Host})
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, err error) {
		http.Error(w, err.Error(), http.StatusBadGateway)
	}
	lost := errors.New("the answer is lost")
	proxy.ModifyResponse = func(r *http.Response) error {
		if statement, _ := r.Request.Context().Value(b).(string); b.lose != nil && b.lose(statement) {
			return lost
		}
		return nil
	}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if b.change != nil {
			body = []byte(b.change(string(body)))
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), b, string(body))))
	}))
	t.Cleanup(b.Close)
	return b
}

func (b *between) url() string { return b.URL + "/" + b.database }

// A process that is stopped after any statement of any migration leaves a database that the next one brings to the end.
func TestApplyStoppedAfterEveryStatement(t *testing.T) {
	target, _ := freshURL(t)
	b := newBetween(t, target)
	var mu sync.Mutex
	left, seen := 0, 0
	b.lose = func(statement string) bool {
		mu.Lock()
		defer mu.Unlock()
		for _, verb := range []string{"CREATE ", "ALTER ", "DROP ", "INSERT INTO "} {
			if strings.HasPrefix(statement, verb) {
				seen++
				left--
				return left < 0
			}
		}
		return false
	}
	const always = 2 // the database and the history, looked for by each
	stops, before := 0, -1
	for after := always; ; after++ {
		left, seen = after, 0
		report, err := schema.Apply(t.Context(), b.url(), schema.DefaultOptions())
		if err == nil {
			require.Greater(t, stops, 50)
			require.NotEmpty(t, report.Before)
			break
		}
		require.ErrorContains(t, err, "answer is lost")
		stops++
		if done := report.Before + len(report.Applied); done > before { // a step more is remembered: its statements are behind us
			before, after = done, 0
		}
	}
	require.NoError(t, schema.Verify(t.Context(), target, schema.DefaultOptions()))
}

const applyInAProcess = "TOLLKEEPER_TEST_APPLY"

// TestMain is also what TestApplyByProcessesAtOnce starts: a process that applies the schema.
func TestMain(m *testing.M) {
	if target := os.Getenv(applyInAProcess); target != "" {
		report, err := schema.Apply(context.Background(), target, schema.DefaultOptions())
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Printf("%d before, %d applied\n", report.Before, len(report.Applied))
		return
	}
	clickhousetest.Main(m)
}

func TestApplyByProcessesAtOnce(t *testing.T) {
	target, _ := freshURL(t)
	const processes = 3
	errs := make(chan error, processes)
	for range processes {
		go func() {
			c := osexec.Command(os.Args[0])
			c.Env = append(os.Environ(), applyInAProcess+"="+target)
			out, err := c.CombinedOutput()
			if err == nil && !strings.Contains(string(out), " applied") {
				err = errors.New("did nothing")
			}
			if err != nil {
				err = fmt.Errorf("%w: %s", err, out)
			}
			errs <- err
		}()
	}
	for range processes {
		require.NoError(t, <-errs)
	}
	require.NoError(t, schema.Verify(t.Context(), target, schema.DefaultOptions()))
}

func TestApplyRefusesAnOldServer(t *testing.T) {
	target, database := freshURL(t)
	b := newBetween(t, target)
	b.change = func(statement string) string {
		return strings.ReplaceAll(statement, schema.SQL("schema/server_version"), "SELECT '25.8.4.13'")
	}
	const want = `server version "25.8.4.13": need 26.2 or newer`
	_, err := schema.Apply(t.Context(), b.url(), schema.DefaultOptions())
	require.ErrorContains(t, err, want)
	_, err = schema.Diff(t.Context(), b.url(), schema.DefaultOptions())
	require.ErrorContains(t, err, want)
	require.ErrorContains(t, schema.Verify(t.Context(), b.url(), schema.DefaultOptions()), want)

	changes, err := schema.Diff(t.Context(), target, schema.DefaultOptions())
	require.NoError(t, err)
	require.Equal(t, schema.Change{Kind: schema.ChangeDatabase, Object: database, Want: "a database"}, changes[0], "nothing was done")
}

// What a changed retention would do to stored data is said first, and done only when it is allowed.
func TestRetentionThatDropsOrMovesIsHeldBack(t *testing.T) {
	target, database := freshURL(t)
	opts := schema.DefaultOptions()
	opts.Policy = tieredPolicy
	_, err := schema.Apply(t.Context(), target, opts)
	require.NoError(t, err)
	conn := open(t, target)
	for _, days := range []int{0, 10, 100, 300} {
		exec(t, conn, fmt.Sprintf("INSERT INTO call_reports (minute, tenant, trace_id, span_id) SELECT toStartOfMinute(now() - INTERVAL %d DAY), 'a', 'b', 'c'", days))
	}
	disks := func() (out []string) {
		rows, err := conn.Query(t.Context(), "SELECT disk_name FROM system.parts WHERE active AND rows > 0 AND table = 'call_reports' AND database = '"+database+"' ORDER BY partition DESC")
		require.NoError(t, err)
		defer rows.Close()
		for rows.Next() {
			var disk string
			require.NoError(t, rows.Scan(&disk))
			out = append(out, disk)
		}
		return out
	}
	require.Eventually(t, func() bool { return fmt.Sprint(disks()) == "[hot warm cold cold]" }, waitFor, pollEvery)

	opts.Retention.Reports = schema.Class{WarmAfterDays: 2, ColdAfterDays: 5, KeepDays: 200}
	changes, err := schema.Diff(t.Context(), target, opts)
	require.NoError(t, err)
	require.Equal(t, database+".call_reports", changes[0].Object)
	require.EqualValues(t, 1, changes[0].Effect.DropParts)
	require.EqualValues(t, 1, changes[0].Effect.MoveParts)
	require.Positive(t, changes[0].Effect.DropBytes)
	require.Regexp(t, `it drops 1 parts \(.*, from `+time.Now().AddDate(0, 0, -300).UTC().Format("2006-01")+`.* on\), moves 1 parts \(.*\) to a colder tier`, changes[0].String())

	for _, allow := range []struct{ drop, move bool }{{false, false}, {true, false}, {false, true}} {
		opts.AllowDrop, opts.AllowMove = allow.drop, allow.move
		report, err := schema.Apply(t.Context(), target, opts)
		require.NoError(t, err)
		require.Len(t, report.Held, 1)
		require.Equal(t, changes[0].Object, report.Held[0].Object)
		require.Error(t, schema.Verify(t.Context(), target, opts))
	}
	require.Len(t, disks(), 4, "nothing is gone")

	opts.AllowDrop, opts.AllowMove = true, true
	report, err := schema.Apply(t.Context(), target, opts)
	require.NoError(t, err)
	require.Empty(t, report.Held)
	require.NoError(t, schema.Verify(t.Context(), target, opts))
	// Parts of before get the new rules too: the one of ten days moves, the one of 300 days goes.
	require.Eventually(t, func() bool { return fmt.Sprint(disks()) == "[hot cold cold]" }, waitFor, pollEvery)
}
