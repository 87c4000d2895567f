package storage_test

import (
	"context"
	"errors"
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
// back as it was written, also after a restart; what expires leaves the bucket.
func TestAYearWithABucketAsColdTier(t *testing.T) {
	b, dir := bucket(t), t.TempDir()
	s := startEngine(t, dir, coldOnS3(b))
	db := s.URL("toll")
	o := tiered()
	_, err := schema.Apply(t.Context(), db, o)
	require.NoError(t, err)
	s.Exec(t, db, "SYSTEM STOP MOVES call_reports")
	s.Exec(t, db, callsOfDays)
	require.Zero(t, b.Traffic(http.MethodPut).Requests, "a backfill of old days goes to a local disk first")
	before := contents(t, s, db, "call_reports")
	s.Exec(t, db, "SYSTEM START MOVES call_reports")
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
