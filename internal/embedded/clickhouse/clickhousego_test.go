package clickhouse_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/embedded/clickhouse"
)

// open connects unmodified clickhouse-go over HTTP.
func open(t *testing.T, s *clickhouse.Server, u clickhouse.User, db string, method ch.CompressionMethod) driver.Conn {
	t.Helper()
	conn, err := ch.Open(&ch.Options{
		Protocol:    ch.HTTP,
		Addr:        []string{s.Addr()},
		Auth:        ch.Auth{Database: db, Username: u.Name, Password: u.Password},
		Compression: &ch.Compression{Method: method, Level: 3},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn
}

var everyType = []struct {
	kind  string
	value any
}{
	{"UInt8", uint8(255)}, {"UInt16", uint16(65535)}, {"UInt32", uint32(1 << 31)}, {"UInt64", uint64(1 << 63)},
	{"Int8", int8(-128)}, {"Int32", int32(-5)}, {"Int64", int64(-1 << 62)}, {"Float64", 0.1}, {"Bool", true},
	{"String", "a\x00ü'\\"}, {"FixedString(4)", "abcd"}, {"LowCardinality(String)", "low"}, {"LowCardinality(Nullable(String))", "low"},
	{"Nullable(UInt32)", uint32(7)}, {"UUID", uuid.MustParse("01234567-89ab-cdef-0123-456789abcdef")},
	{"Enum8('a' = 1, 'b' = -2)", "b"}, {"Date", time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)},
	{"DateTime('UTC')", time.Date(2026, 11, 22, 10, 0, 1, 0, time.UTC)}, {"DateTime64(9, 'UTC')", time.Date(2026, 11, 22, 10, 0, 1, 123456789, time.UTC)},
	{"Decimal(18, 12)", decimal.RequireFromString("999999.999999999999")}, {"Decimal(38, 12)", decimal.RequireFromString("-12345678901234567890123456.000000000001")},
	{"Array(String)", []string{"a", "b"}}, {"Array(Array(UInt8))", [][]uint8{{1}, {}}},
	{"Map(LowCardinality(String), String)", map[string]string{"k": "v", "l": ""}}, {"Map(String, UInt64)", map[string]uint64{"k": 1}},
	{"Array(Tuple(time DateTime64(9), name LowCardinality(String), attributes Map(LowCardinality(String), String)))", []map[string]any{}},
	{"FixedString(16)", "0123456789abcdef"}, {"IPv4", "127.0.0.1"},
}

func TestClickhouseGoEveryType(t *testing.T) {
	s := engine(t)
	for name, method := range map[string]ch.CompressionMethod{"none": ch.CompressionNone, "lz4": ch.CompressionLZ4, "zstd": ch.CompressionZSTD, "gzip": ch.CompressionGZIP, "br": ch.CompressionBrotli} {
		t.Run(name, func(t *testing.T) {
			db := database(t, s)
			conn := open(t, s, admin, db, method)
			ctx := context.Background()
			require.NoError(t, conn.Ping(ctx))
			ddl, row := "CREATE TABLE x (i UInt64", []any{uint64(0)}
			for i, c := range everyType {
				ddl += fmt.Sprintf(", c%d %s CODEC(ZSTD(1))", i, c.kind)
				row = append(row, c.value)
			}
			require.NoError(t, conn.Exec(ctx, ddl+") ENGINE = MergeTree ORDER BY i"))
			batch, err := conn.PrepareBatch(ctx, "INSERT INTO x")
			require.NoError(t, err)
			const n = 1000
			for i := range uint64(n) {
				row[0] = i
				require.NoError(t, batch.Append(row...))
			}
			require.NoError(t, batch.Send())

			rows, err := conn.Query(ctx, "SELECT * FROM x ORDER BY i")
			require.NoError(t, err)
			defer rows.Close()
			var count uint64
			for rows.Next() {
				got := make([]any, len(row))
				for i, kind := range rows.ColumnTypes() {
					got[i] = newOf(kind)
				}
				require.NoError(t, rows.Scan(got...))
				count++
			}
			require.NoError(t, rows.Err())
			require.EqualValues(t, n, count)
			require.Equal(t, "-12345678901234567890123456.000000000001\t1", query(t, s, admin, "SELECT any(c20), uniqExact(c18) FROM "+db+".x"))
		})
	}
}

func newOf(kind driver.ColumnType) any { return reflect.New(kind.ScanType()).Interface() }

func TestClickhouseGoParametersErrorsAndLargeResults(t *testing.T) {
	s := engine(t)
	conn := open(t, s, admin, "system", ch.CompressionLZ4)
	ctx := context.Background()

	var sum uint64
	var text string
	err := conn.QueryRow(ctx, "SELECT sum(number), {t:String} FROM numbers({n:UInt64}) WHERE number IN {in:Array(UInt64)}",
		ch.Named("n", 100), ch.Named("t", `it's "x" \ {n:UInt8}`), ch.Named("in", []uint64{1, 2, 500})).Scan(&sum, &text)
	require.NoError(t, err)
	require.EqualValues(t, 3, sum)
	require.Equal(t, `it's "x" \ {n:UInt8}`, text)

	var ex *ch.Exception
	require.ErrorAs(t, conn.Exec(ctx, "SELECT * FROM nope"), &ex)
	require.EqualValues(t, 60, ex.Code)
	require.ErrorAs(t, conn.Exec(ctx, "CREATE TABLE (("), &ex)
	require.EqualValues(t, 62, ex.Code)
	var rows driver.Rows
	for _, method := range []ch.CompressionMethod{ch.CompressionLZ4, ch.CompressionNone} {
		rows, err = open(t, s, admin, "system", method).Query(ctx, "SELECT throwIf(number = 1000000, 'too far') FROM numbers(2000000)")
		if err == nil {
			for rows.Next() {
			}
			err = errors.Join(rows.Err(), rows.Close())
		}
		require.ErrorAs(t, err, &ex, "an error in the middle of a large answer")
		require.EqualValues(t, 395, ex.Code)
	}

	rows, err = conn.Query(ctx, "SELECT number, toString(number) FROM numbers(1000000)")
	require.NoError(t, err)
	var count, last uint64
	for rows.Next() {
		require.NoError(t, rows.Scan(&last, &text))
		count++
	}
	require.NoError(t, rows.Err())
	require.NoError(t, rows.Close())
	require.EqualValues(t, 1_000_000, count)
}

func TestClickhouseGoExternalTable(t *testing.T) {
	s := engine(t)
	conn := open(t, s, admin, "default", ch.CompressionLZ4)
	table, err := ext.NewTable("wanted", ext.Column("n", "UInt64"))
	require.NoError(t, err)
	for i := range uint64(10) {
		require.NoError(t, table.Append(i*2))
	}
	var sum uint64
	ctx := ch.Context(context.Background(), ch.WithExternalTable(table))
	require.NoError(t, conn.QueryRow(ctx, "SELECT sum(number) FROM numbers(10) WHERE number IN wanted").Scan(&sum))
	require.EqualValues(t, 20, sum)
}

func TestClickhouseGoAsReaderAndTenant(t *testing.T) {
	s := engine(t)
	db := database(t, s)
	query(t, s, admin, "CREATE TABLE "+db+".x (tenant String) ENGINE = MergeTree ORDER BY tenant")
	query(t, s, admin, "INSERT INTO "+db+".x VALUES ('acme'), ('globex'), ('globex')")
	ctx := ch.Context(context.Background(), ch.WithSettings(ch.Settings{"max_execution_time": 10, "async_insert": 0}))
	for user, want := range map[clickhouse.User]uint64{viewer: 3, acme: 1, globex: 2} {
		var n uint64
		conn := open(t, s, user, db, ch.CompressionLZ4)
		require.NoError(t, conn.QueryRow(ctx, "SELECT count() FROM x").Scan(&n))
		require.Equal(t, want, n, user.Name)
		var ex *ch.Exception
		require.ErrorAs(t, conn.Exec(ctx, "DROP TABLE x"), &ex)
		require.EqualValues(t, 164, ex.Code)
	}
	err := open(t, s, clickhouse.User{Name: "default", Password: "no"}, db, ch.CompressionLZ4).Ping(ctx)
	var ex *ch.Exception
	require.ErrorAs(t, err, &ex)
	require.EqualValues(t, 516, ex.Code)
}
