package clickhouse_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/embedded/clickhouse"
)

// runningLike counts the statements in work that hold the text.
func runningLike(t testing.TB, s *clickhouse.Server, text string) int {
	n, err := strconv.Atoi(query(t, s, admin, "SELECT count() FROM system.processes WHERE position(query, '"+text+"') > 0 AND position(query, 'system.processes') = 0"))
	require.NoError(t, err)
	return n
}

func TestStatementEndsWhenItsClientLeaves(t *testing.T) {
	s := engine(t)
	db := database(t, s)
	query(t, s, admin, "CREATE TABLE "+db+".x (n UInt64) ENGINE = MergeTree ORDER BY n")
	for name, sql := range map[string]string{
		"aggregates": "SELECT sum(sipHash64(number)) AS leaving_aggregates FROM numbers(1000000000000)",
		"streams":    "SELECT number AS leaving_streams FROM system.numbers",
		"inserts":    "INSERT INTO " + db + ".x SELECT sipHash64(number) AS leaving_inserts FROM numbers(1000000000000) WHERE n = 1",
	} {
		sql = strings.Replace(sql, "WHERE n = 1", "WHERE sipHash64(number) = 1", 1)
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, _, _ = try(ctx, s, ask{body: b(sql)})
			}()
			require.Eventually(t, func() bool { return runningLike(t, s, "leaving_"+name) == 1 }, 20*time.Second, 10*time.Millisecond)
			cancel()
			<-done
			require.Eventually(t, func() bool { return runningLike(t, s, "leaving_"+name) == 0 }, 20*time.Second, 10*time.Millisecond)
		})
	}
}

func TestStatementsRunAtTheSameTime(t *testing.T) {
	s := engine(t)
	ctx, cancel := context.WithCancel(context.Background())
	var clients sync.WaitGroup
	const n = 8
	for range n {
		clients.Add(1)
		go func() {
			defer clients.Done()
			_, _, _ = try(ctx, s, ask{body: b("SELECT sleepEachRow(1) AS at_the_same_time FROM numbers(60) SETTINGS max_block_size = 1")})
		}()
	}
	require.Eventually(t, func() bool { return runningLike(t, s, "at_the_same_time") == n }, 30*time.Second, 10*time.Millisecond)
	cancel()
	clients.Wait()
}

// TestManyShortRequests opens and closes an engine connection per request, from many clients, some of which fail.
func TestManyShortRequests(t *testing.T) {
	s := engine(t)
	db := database(t, s)
	query(t, s, admin, "CREATE TABLE "+db+".x (n UInt64) ENGINE = MergeTree ORDER BY n")
	pid, each := s.Pid(), 100
	if n, err := strconv.Atoi(os.Getenv("REQUESTS_EACH")); err == nil {
		each = n
	}
	var clients sync.WaitGroup
	var wrong atomic.Int64
	for client := range 16 {
		clients.Add(1)
		go func() {
			defer clients.Done()
			for i := range each {
				sql, want := fmt.Sprintf("SELECT %d", i), 200
				switch (i + client) % 4 {
				case 1:
					sql, want = "SELECT nope", 404
				case 2:
					sql = fmt.Sprintf("INSERT INTO %s.x VALUES (%d)", db, i)
				}
				resp, _, err := try(context.Background(), s, ask{params: v("max_threads", "1"), body: b(sql)})
				if err != nil || resp.StatusCode != want {
					wrong.Add(1)
				}
			}
		}()
	}
	clients.Wait()
	require.Zero(t, wrong.Load())
	require.Equal(t, strconv.Itoa(16*each/4), query(t, s, admin, "SELECT count() FROM "+db+".x"))
	require.Equal(t, pid, s.Pid())
	t.Log("resident at most, MB:", peak(t, pid, false)>>20)
}

// peak is the engine's highest resident memory since the last reset, in bytes.
func peak(t *testing.T, pid int, reset bool) int {
	t.Helper()
	if reset {
		require.NoError(t, os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), b("5"), 0o200))
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	kB, err := strconv.Atoi(regexp.MustCompile(`VmHWM:\s*(\d+)`).FindStringSubmatch(string(status))[1])
	require.NoError(t, err)
	return kB << 10
}

// stream sends a request whose body is made on the fly and throws the answer away.
func stream(t *testing.T, s *clickhouse.Server, params string, body io.Reader) int64 {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, "http://"+s.Addr()+"/?"+params, body)
	require.NoError(t, err)
	req.SetBasicAuth(admin.Name, admin.Password)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode)
	return n
}

func TestLargeResultTakesLittleMemory(t *testing.T) {
	s := engine(t)
	for _, format := range []string{"JSON", "Native"} {
		t.Run(format, func(t *testing.T) {
			sql := "SELECT number, toString(number) AS s FROM numbers(%d) FORMAT " + format
			stream(t, s, "", strings.NewReader(fmt.Sprintf(sql, 200_000))) // the library's own pages come in
			before := peak(t, s.Pid(), true)
			n := stream(t, s, "", strings.NewReader(fmt.Sprintf(sql, 3_000_000)))
			require.Greater(t, n, int64(40<<20))
			require.Less(t, peak(t, s.Pid(), false)-before, 64<<20)
		})
	}
}

// repeated is text, n times.
type repeated struct {
	text []byte
	n    int
	at   int
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.n == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.text[r.at:])
	if r.at += n; r.at == len(r.text) {
		r.at, r.n = 0, r.n-1
	}
	return n, nil
}

func TestLargeInsertTakesLittleMemory(t *testing.T) {
	s := engine(t)
	db := database(t, s)
	query(t, s, admin, "CREATE TABLE "+db+".x (n UInt64, s String) ENGINE = Null")
	rows := strings.Repeat("1234567,"+strings.Repeat("x", 90)+"\n", 10_000)
	insert := func(megabytes int) {
		stream(t, s, "max_insert_threads=1&min_insert_block_size_bytes=16777216&query=INSERT+INTO+"+db+".x+FORMAT+CSV", &repeated{text: b(rows), n: megabytes})
	}
	insert(20)
	before := peak(t, s.Pid(), true)
	insert(300)
	require.Less(t, peak(t, s.Pid(), false)-before, 150<<20)
}

// TestInsertCutShortInsertsNothing closes the connection in the middle of a body, in both framings of HTTP.
func TestInsertCutShortInsertsNothing(t *testing.T) {
	s := engine(t)
	db := database(t, s)
	query(t, s, admin, "CREATE TABLE "+db+".x (n UInt64) ENGINE = MergeTree ORDER BY n")
	head := "POST /?user=default&password=s3cret%2F%26%3F&query=INSERT+INTO+" + db + ".x+FORMAT+CSV HTTP/1.1\r\nHost: x\r\n"
	for name, request := range map[string]string{
		"length":  head + "Content-Length: 1000\r\n\r\n1\n2\n3\n",
		"chunked": head + "Transfer-Encoding: chunked\r\n\r\n6\r\n1\n2\n3\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", s.Addr())
			require.NoError(t, err)
			defer conn.Close()
			_, err = io.WriteString(conn, request)
			require.NoError(t, err)
			require.NoError(t, conn.(*net.TCPConn).CloseWrite())
			_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err == nil {
				require.NotEqual(t, 200, resp.StatusCode)
				_ = resp.Body.Close()
			}
			require.Equal(t, "0", query(t, s, admin, "SELECT count() FROM "+db+".x"))
		})
	}
}

// TestErrorInTheMiddleOfAnAnswer: the status has gone out, so the text ends in an exception block with the tag that the head
// announced, and the connection is cut.
func TestErrorInTheMiddleOfAnAnswer(t *testing.T) {
	s := engine(t)
	resp, body, err := try(context.Background(), s, ask{body: b("SELECT throwIf(number = 900000) FROM numbers(1000000) SETTINGS max_threads = 1")})
	require.Error(t, err)
	require.Equal(t, 200, resp.StatusCode)
	tag := resp.Header.Get("X-ClickHouse-Exception-Tag")
	require.Len(t, tag, 16)
	require.Regexp(t, `\r\n__exception__\r\n`+tag+`\r\nCode: 395\. (?s:.*)\n\d+ `+tag+`\r\n__exception__\r\n$`, body[len(body)-1000:])
}
