package storage_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	engine "github.com/tollkeeper/tollkeeper/internal/embedded/clickhouse"
	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/internal/testkit/s3test"
	"github.com/tollkeeper/tollkeeper/schema"
	"github.com/tollkeeper/tollkeeper/schema/storage"
	"github.com/tollkeeper/tollkeeper/schema/tiers"
)

func bucket(t *testing.T) *s3test.Bucket {
	t.Helper()
	b, err := s3test.Start()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

func coldOnS3(b *s3test.Bucket) tiers.Config {
	return tiers.Config{Cold: tiers.Disk{S3: tiers.S3{Endpoint: b.Endpoint("tollkeeper"), AccessKeyID: "test", SecretAccessKey: "test", CacheBytes: 64 << 20}}}
}

func startEngine(t *testing.T, dir string, tiers tiers.Config) *clickhousetest.Server {
	t.Helper()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	s, err := engine.Start(context.Background(), engine.Config{Dir: dir, Tiers: tiers, Log: log})
	require.NoError(t, err)
	t.Cleanup(func() { closeEngine(t, s) })
	return &clickhousetest.Server{Server: s}
}

func closeEngine(t *testing.T, s *engine.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := s.Close(ctx); err != nil && !errors.Is(err, os.ErrClosed) {
		require.NoError(t, err)
	}
}

const callsOfDays = `INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, model, cost_output)
	SELECT toStartOfMinute(now('UTC') - INTERVAL number % 365 DAY), concat('tenant-', toString(number % 7)), unhex(hex(sipHash128(number))), unhex(leftPad(hex(number), 16, '0')), 1, 'gpt-5', 0.001
	FROM numbers(3650) SETTINGS max_partitions_per_insert_block = 400`

// contents is a fingerprint of all columns of all rows.
func contents(t *testing.T, s *clickhousetest.Server, db, table string) string {
	t.Helper()
	return s.Exec(t, db, "SELECT count(), sum(cityHash64(*)) FROM "+table)
}

// A year of days with a bucket as cold tier: inserts touch no bucket, old days move there by themselves, all of it reads
// back as it was written.
func TestAYearWithABucketAsColdTier(t *testing.T) {
	b := bucket(t)
	s := startEngine(t, t.TempDir(), coldOnS3(b))
	db := s.URL("toll")
	o := tiered()
	_, err := schema.Apply(t.Context(), db, o)
	require.NoError(t, err)
	s.Exec(t, db, "SYSTEM STOP MOVES call_reports")
	s.Exec(t, db, "SYSTEM STOP MERGES call_reports") // a merge may move too
	s.Exec(t, db, callsOfDays)
	require.Zero(t, b.Traffic(http.MethodPut).Requests, "a backfill of old days goes to a local disk first")
	before := contents(t, s, db, "call_reports")
	s.Exec(t, db, "SYSTEM START MOVES call_reports")
	s.Exec(t, db, "SYSTEM START MERGES call_reports")
	now := time.Now()
	var r *storage.Report
	require.Eventually(t, func() bool { r = read(t, db, o, now); return len(r.Late) == 0 }, 2*time.Minute, 200*time.Millisecond)
	for _, x := range r.Rows {
		if x.Table == "call_reports" && x.Tier == "cold" {
			require.Greater(t, x.Parts, 300)
			_, stored, err := b.Objects()
			require.NoError(t, err)
			require.Greater(t, stored, int64(x.Bytes)/2)
		}
	}
	require.Equal(t, before, contents(t, s, db, "call_reports"))
	require.Less(t, r.Cost, r.AllHot)
}

// A bucket that goes away and comes back, a restart, a longer life, and the end of one.
func TestPartsInABucket(t *testing.T) {
	b, dir := bucket(t), t.TempDir()
	s := startEngine(t, dir, coldOnS3(b))
	db := s.URL("toll")
	o := tiered()
	_, err := schema.Apply(t.Context(), db, o)
	require.NoError(t, err)
	// Parts as large ones are: those below 10 MB are one file, which every mutation writes again.
	s.Exec(t, db, "ALTER TABLE call_reports MODIFY SETTING min_bytes_for_wide_part = 0")
	for _, days := range []int{0, 100, 200} {
		s.Exec(t, db, fmt.Sprintf(`INSERT INTO call_reports (minute, tenant, trace_id, span_id, version) SELECT toStartOfMinute(now('UTC') - INTERVAL %d DAY), 'a',
			reinterpret(sipHash128(number), 'FixedString(16)'), reinterpret(sipHash64(number), 'FixedString(8)'), sipHash64(number) FROM numbers(20000)`, days))
	}
	parts := func() string {
		return s.Exec(t, s.URL("toll"), "SELECT arrayStringConcat(groupArray(disk_name), ' ') FROM (SELECT disk_name FROM system.parts WHERE database = 'toll' AND table = 'call_reports' AND active AND rows > 0 ORDER BY partition DESC)")
	}
	require.Eventually(t, func() bool { return parts() == "hot cold cold" }, time.Minute, 100*time.Millisecond)
	before := contents(t, s, db, "call_reports")

	written := b.Traffic(http.MethodPut).Bytes
	_, stored, err := b.Objects()
	require.NoError(t, err)
	require.Greater(t, stored, int64(2*20000*24))
	o.Retention.Reports.KeepDays = 800
	_, err = schema.Apply(t.Context(), db, o)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		return s.Exec(t, db, "SELECT count() FROM system.parts WHERE database = 'toll' AND table = 'call_reports' AND active AND delete_ttl_info_max < now() + INTERVAL 500 DAY") == "0"
	}, time.Minute, 100*time.Millisecond)
	require.Less(t, b.Traffic(http.MethodPut).Bytes-written, stored/2, "a longer life writes no data again")

	b.Down(true)
	require.Equal(t, "20000", s.Exec(t, db, "SELECT count() FROM call_reports WHERE minute >= toStartOfDay(now('UTC') - INTERVAL 1 DAY)"), "without the bucket the other days are there")
	b.Down(false)

	closeEngine(t, s.Server)
	s = startEngine(t, dir, coldOnS3(b)) // the cache knows now what every part is
	closeEngine(t, s.Server)
	b.Down(true)
	s = startEngine(t, dir, coldOnS3(b))
	db = s.URL("toll")
	require.Equal(t, "20000", s.Exec(t, db, "SELECT count(cityHash64(*)) FROM call_reports WHERE minute >= toStartOfDay(now('UTC') - INTERVAL 1 DAY)"), "it starts without the bucket")
	b.Down(false)
	require.Eventually(t, func() bool { return contents(t, s, db, "call_reports") == before }, time.Minute, 100*time.Millisecond)

	s.Exec(t, db, "ALTER TABLE call_reports MODIFY SETTING old_parts_lifetime = 1")
	o.Retention.Reports.KeepDays, o.AllowDrop = 150, true
	_, err = schema.Apply(t.Context(), db, o)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return parts() == "hot cold" }, time.Minute, 100*time.Millisecond)
	require.Eventually(t, func() bool {
		_, left, err := b.Objects()
		return err == nil && left < stored*2/3
	}, 2*time.Minute, 200*time.Millisecond, "what expired leaves the bucket")
}

// A tier is not put somewhere else while its parts are where it was: the engine would start without them.
func TestATierWithPartsStaysWhereItIs(t *testing.T) {
	b, dir := bucket(t), t.TempDir()
	s := startEngine(t, dir, tiers.Config{})
	db := s.URL("toll")
	_, err := schema.Apply(t.Context(), db, tiered())
	require.NoError(t, err)
	s.Exec(t, db, "INSERT INTO call_reports (minute, tenant, trace_id, span_id) SELECT toStartOfMinute(now('UTC') - INTERVAL 100 DAY), 'a', 'b', 'c'")
	require.Eventually(t, func() bool {
		return s.Exec(t, db, "SELECT disk_name FROM system.parts WHERE database = 'toll' AND table = 'call_reports' AND active") == "cold"
	}, time.Minute, 100*time.Millisecond)
	closeEngine(t, s.Server)
	_, err = engine.Start(t.Context(), engine.Config{Dir: dir, Tiers: coldOnS3(b)})
	require.ErrorContains(t, err, "tier cold was at ")
	require.ErrorContains(t, err, "parts of it are still there")
	_, err = engine.Start(t.Context(), engine.Config{Dir: dir, Tiers: tiers.Config{Warm: tiers.Disk{Path: t.TempDir()}, Cold: tiers.Disk{Path: t.TempDir()}}})
	require.ErrorContains(t, err, "tier cold was at ")
	require.NotContains(t, err.Error(), "tier warm", "nothing is on it")
	s = startEngine(t, dir, tiers.Config{})
	require.Equal(t, "1", s.Exec(t, s.URL("toll"), "SELECT count() FROM call_reports"))
}

// What goes to cold is compressed harder on the disk before, and written to the bucket once; hot stays as it was.
func TestCompressedHarderOnTheWayToCold(t *testing.T) {
	b := bucket(t)
	s := startEngine(t, t.TempDir(), coldOnS3(b))
	db := s.URL("toll")
	o := tiered()
	o.Retention.Spans.ColdZSTD = 12
	_, err := schema.Apply(t.Context(), db, o)
	require.NoError(t, err)
	// The server's own pause between such merges is four hours.
	s.Exec(t, db, "ALTER TABLE spans MODIFY SETTING merge_with_recompression_ttl_timeout = 0")
	s.Exec(t, db, "SYSTEM STOP MERGES spans")
	s.Exec(t, db, `INSERT INTO spans (minute, tenant, trace_id, span_id, name, attributes)
		SELECT toStartOfMinute(now('UTC') - toIntervalHour(if(number % 2 = 0, 1, 13 * 24 + 6))), 'a', unhex(hex(sipHash128(number))), unhex(leftPad(hex(number), 16, '0')), 'chat',
			map('gen_ai.prompt', repeat(concat('the quick brown fox ', toString(number % 1000), ' and ', hex(sipHash64(number % 500)), ' '), 10))
		FROM numbers(20000)`)
	state := func() string {
		return s.Exec(t, db, "SELECT disk_name, default_compression_codec FROM system.parts WHERE database = 'toll' AND table = 'spans' AND active ORDER BY partition DESC")
	}
	rows := contents(t, s, db, "spans")
	require.Equal(t, "hot\tLZ4\nwarm\tLZ4", state(), "an insert is compressed lightly, a merge as the table says")
	s.Exec(t, db, "SYSTEM START MERGES spans")
	s.Exec(t, db, "OPTIMIZE TABLE spans PARTITION ID '"+time.Now().UTC().Add(-time.Hour).Format("20060102")+"' FINAL")
	require.Eventually(t, func() bool { return state() == "hot\tZSTD(1)\nwarm\tZSTD(12)" }, time.Minute, 200*time.Millisecond, "%s", state())
	sizes := s.Exec(t, db, "SELECT argMax(bytes_on_disk, partition), argMin(bytes_on_disk, partition) FROM system.parts WHERE database = 'toll' AND table = 'spans' AND active")
	var hot, warm int
	_, err = fmt.Sscan(sizes, &hot, &warm)
	require.NoError(t, err)
	t.Logf("%d bytes on hot, %d on warm", hot, warm)
	require.Less(t, warm, hot, "as many rows of the same kind")
	require.Equal(t, rows, contents(t, s, db, "spans"))
	require.Zero(t, b.Traffic(http.MethodPut).Requests)
}
