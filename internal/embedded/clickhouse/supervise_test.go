package clickhouse_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/embedded/clickhouse"
)

// start runs an engine of the test's own.
func start(t *testing.T, cfg clickhouse.Config) *clickhouse.Server {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	if cfg.Users == nil {
		cfg.Users = []clickhouse.User{admin}
	}
	s, err := clickhouse.Start(context.Background(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t *testing.T, s *clickhouse.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	require.NoError(t, s.Close(ctx))
}

// TestKilledEngineLosesNothingAcknowledged kills the engine in the middle of inserts, again and again. The port stays,
// the supervisor starts the engine anew, and every batch whose insert was answered with 200 is there.
func TestKilledEngineLosesNothingAcknowledged(t *testing.T) {
	s := start(t, clickhouse.Config{})
	query(t, s, admin, "CREATE TABLE x (batch UInt64, n UInt64) ENGINE = MergeTree ORDER BY batch PARTITION BY n % 3")
	ctx, cancel := context.WithCancel(context.Background())
	acknowledged := map[uint64]bool{}
	var mu sync.Mutex
	var next atomic.Uint64
	var writers sync.WaitGroup
	for range 3 {
		writers.Add(1)
		go func() {
			defer writers.Done()
			for ctx.Err() == nil {
				batch := next.Add(1)
				body := fmt.Sprintf("INSERT INTO x SELECT %d, number FROM numbers(3000)", batch)
				resp, _, err := try(ctx, s, ask{body: b(body)})
				if err == nil && resp.StatusCode == http.StatusOK {
					mu.Lock()
					acknowledged[batch] = true
					mu.Unlock()
				}
			}
		}()
	}
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(acknowledged)
	}
	for range 4 {
		before, pid := count(), s.Pid()
		require.Eventually(t, func() bool { return count() > before+5 }, 30*time.Second, 5*time.Millisecond)
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		require.Eventually(t, func() bool { return s.Pid() != pid }, 30*time.Second, 5*time.Millisecond)
	}
	before := count()
	require.Eventually(t, func() bool { return count() > before }, 30*time.Second, 5*time.Millisecond)
	cancel()
	writers.Wait()
	whole := map[uint64]bool{}
	for line := range strings.Lines(query(t, s, admin, "SELECT batch FROM x GROUP BY batch HAVING count() = 3000")) {
		batch, err := strconv.ParseUint(strings.TrimSpace(line), 10, 64)
		require.NoError(t, err)
		whole[batch] = true
	}
	for batch := range acknowledged {
		require.True(t, whole[batch], "batch %d was acknowledged", batch)
	}
}

func TestDataAndTiersSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	s := start(t, clickhouse.Config{Dir: dir})
	query(t, s, admin, `CREATE TABLE x (day Date, n UInt32) ENGINE = MergeTree PARTITION BY day ORDER BY n
TTL day + INTERVAL 3 DAY TO VOLUME 'warm', day + INTERVAL 30 DAY TO VOLUME 'cold' SETTINGS storage_policy = 'tollkeeper'`)
	query(t, s, admin, "INSERT INTO x SELECT today() - d, 1 FROM values('d UInt32', 0, 10, 100)")
	disks := "SELECT disk_name, rows FROM system.parts WHERE table = 'x' AND active ORDER BY partition"
	// What is stored late isn't written to cold straight away (perform_ttl_move_on_insert): the engine's own mover takes it there.
	tiered := func() bool { return query(t, s, admin, disks) == "cold\t1\nwarm\t1\nhot\t1" }
	require.Eventually(t, tiered, 30*time.Second, 50*time.Millisecond)
	query(t, s, admin, "BACKUP TABLE x TO File('x-backup')")
	query(t, s, admin, "DROP TABLE x")
	query(t, s, admin, "RESTORE TABLE x FROM File('x-backup')")
	stop(t, s)
	s = start(t, clickhouse.Config{Dir: dir})
	// RESTORE puts parts on hot; the engine's own mover takes them to their tier, before or after the restart.
	require.Eventually(t, tiered, 30*time.Second, 50*time.Millisecond)
	require.NoError(t, filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode()&os.ModeSymlink == 0 {
			require.Zero(t, info.Mode().Perm()&0o007, "%s is open to others: %s", path, info.Mode())
		}
		return nil
	}))
}

func TestMemoryLimitEndsAQueryNotTheEngine(t *testing.T) {
	s := start(t, clickhouse.Config{MemoryLimit: 700 << 20})
	pid := s.Pid()
	a := do(t, s, ask{body: b("SELECT length(groupArray(number)) FROM numbers(200000000)")})
	require.Equal(t, 500, a.status)
	require.Regexp(t, `^Code: 241\.`, a.body)
	require.Equal(t, "1", query(t, s, admin, "SELECT 1"))
	require.Equal(t, pid, s.Pid())
}

func TestSecondEngineOnADirectoryIsRefused(t *testing.T) {
	s := engine(t)
	_, err := clickhouse.Start(context.Background(), clickhouse.Config{Dir: serverDir})
	require.ErrorIs(t, err, clickhouse.ErrDirInUse)
	require.ErrorContains(t, err, serverDir)
	require.ErrorContains(t, err, strconv.Itoa(os.Getpid()))
	require.Equal(t, "1", query(t, s, admin, "SELECT 1"))
}

func TestStartErrorsNameTheRemedy(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, []byte("not a library"), 0o600))
	for name, c := range map[string]struct {
		cfg  clickhouse.Config
		want []string
	}{
		"no dir":           {clickhouse.Config{}, []string{"dir: empty"}},
		"port taken":       {clickhouse.Config{Dir: t.TempDir(), Listen: taken.Addr().String()}, []string{taken.Addr().String(), "choose another port"}},
		"no port":          {clickhouse.Config{Dir: t.TempDir(), Listen: "localhost"}, []string{"listen", "host:port"}},
		"dir is a file":    {clickhouse.Config{Dir: file}, []string{file}},
		"no library":       {clickhouse.Config{Dir: t.TempDir(), Library: "/nonexistent/lib.so"}, []string{"/nonexistent/lib.so", "make engine"}},
		"broken library":   {clickhouse.Config{Dir: t.TempDir(), Library: file}, []string{file, "make engine"}},
		"two users":        {clickhouse.Config{Dir: t.TempDir(), Users: []clickhouse.User{admin, admin}}, []string{"users[1].name", "twice"}},
		"tenant of all":    {clickhouse.Config{Dir: t.TempDir(), Users: []clickhouse.User{{Name: "x", Tenant: "*"}}}, []string{"users[0].tenant"}},
		"small memory":     {clickhouse.Config{Dir: t.TempDir(), MemoryLimit: 1}, []string{"memory_limit", "256 MiB"}},
		"column injection": {clickhouse.Config{Dir: t.TempDir(), TenantColumn: "a OR 1"}, []string{"tenant_column"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := clickhouse.Start(context.Background(), c.cfg)
			require.Error(t, err)
			for _, want := range c.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

func TestFindLibraryNamesTheRemedy(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv(clickhouse.EnvLibrary, "")
	_, err := clickhouse.FindLibrary()
	require.ErrorIs(t, err, clickhouse.ErrNoLibrary)
	require.ErrorContains(t, err, "make engine")
	t.Setenv(clickhouse.EnvLibrary, "/nonexistent")
	_, err = clickhouse.FindLibrary()
	require.ErrorContains(t, err, "/nonexistent")
}

// TestEngineDiesWithItsParent kills a parent that has no chance to clean up.
func TestEngineDiesWithItsParent(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "PARENT_THAT_DIES="+t.TempDir())
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, 0))
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	require.Eventually(t, func() bool { return !running(pid) }, 20*time.Second, 20*time.Millisecond)
}

// running says whether the process is there and no zombie.
func running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	return fields[0] != "Z"
}

// parentThatDies is the body of TestEngineDiesWithItsParent's process.
func parentThatDies() {
	s, err := clickhouse.Start(context.Background(), clickhouse.Config{Dir: os.Getenv("PARENT_THAT_DIES"), Users: []clickhouse.User{admin}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(s.Pid())
	select {}
}

// A merged part whose marks are gone, as a full disk leaves it: the engine starts anew and reads the parts before the merge. And
// again for the next one, since a disk stays full for a while.
func TestBrokenPartIsTakenBack(t *testing.T) {
	dir := t.TempDir()
	s := start(t, clickhouse.Config{Dir: dir})
	for table, file := range map[string]string{"whole": "data.cmrk", "skip": "skp_idx_i.cmrk"} {
		query(t, s, admin, "CREATE TABLE "+table+" (n UInt64, INDEX i n TYPE bloom_filter) ENGINE = MergeTree ORDER BY tuple() SETTINGS old_parts_lifetime = 480")
		for n := range 3 {
			query(t, s, admin, fmt.Sprintf("INSERT INTO %s SELECT %d", table, n))
		}
		query(t, s, admin, "OPTIMIZE TABLE "+table+" FINAL")
		path := strings.TrimSpace(query(t, s, admin, "SELECT path FROM system.parts WHERE active AND name = 'all_1_3_1' AND table = '"+table+"'"))
		marks, err := filepath.Glob(filepath.Join(path, file+"*"))
		require.NoError(t, err)
		require.Len(t, marks, 1)
		require.NoError(t, os.Truncate(marks[0], 0))
		for _, cache := range []string{"MARK CACHE", "INDEX MARK CACHE", "UNCOMPRESSED CACHE", "QUERY CACHE"} {
			query(t, s, admin, "SYSTEM DROP "+cache)
		}
		pid := s.Pid()
		total := ask{user: admin, body: []byte("SELECT sum(n), count() FROM " + table + " WHERE n = 2")}
		_, got, err := try(context.Background(), s, total)
		require.True(t, err != nil || strings.Contains(got, "CORRUPTED_DATA"), "the part is broken: %s", got)
		require.Eventually(t, func() bool { _, got, err := try(context.Background(), s, total); return err == nil && got == "2\t1\n" },
			60*time.Second, 20*time.Millisecond)
		require.NotEqual(t, pid, s.Pid())
		require.Equal(t, "broken-on-start", query(t, s, admin, "SELECT reason FROM system.detached_parts WHERE table = '"+table+"'"))
	}
}
