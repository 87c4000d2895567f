package schema_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/schema"
)

// Reports that were stored before a codec changed read back as they were, also merged with those of after; so do amounts at the
// ends of their range, which have nothing in common, and negative ones.
func TestReportsOfBeforeANewCodec(t *testing.T) {
	url, _ := freshURL(t)
	_, err := schema.Apply(t.Context(), url, schema.DefaultOptions())
	require.NoError(t, err)
	conn := open(t, url)
	all, err := schema.Migrations()
	require.NoError(t, err)
	var codecs []string
	for _, m := range all {
		if strings.HasSuffix(m.String(), "_codecs") {
			codecs, err = m.Render(strings.TrimSuffix(url[strings.LastIndex(url, "/")+1:], "/"), schema.DefaultOptions())
			require.NoError(t, err)
		}
	}
	require.Len(t, codecs, 1)
	const reports = `INSERT INTO call_reports (minute, tenant, trace_id, span_id, version, start, received, cost_input, cost_output, list_delta)
		SELECT toDateTime('2026-11-20 12:00:00', 'UTC') + 60 * (number % 5), 'a', toFixedString(hex(number), 16), toFixedString('s', 8), {version:UInt8} * sipHash64(number),
			addNanoseconds(toDateTime64('2026-11-20 12:00:00', 9, 'UTC'), sipHash64(number) % 300000000000), addMilliseconds(toDateTime64('2026-11-20 12:00:01', 3, 'UTC'), number),
			toDecimal64(number, 12) * 0.0000025, toDecimal64([-999999.999999999999, 999999.999999999999, 0.000000000001, 0][number % 4 + 1], 12) * {version:UInt8} / 2, -toDecimal64(number, 12) / 1000000
		FROM numbers(3000) SETTINGS optimize_on_insert = 0`
	insert := func(version string) {
		exec(t, conn, strings.ReplaceAll(reports, "{version:UInt8}", version))
	}
	read := func(from string) (rows, sum uint64) {
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(), sum(cityHash64(*)) FROM "+from).Scan(&rows, &sum))
		return rows, sum
	}
	before := strings.NewReplacer("GCD", "T64", "start DateTime64(9, 'UTC') CODEC(T64", "start DateTime64(9, 'UTC') CODEC(Delta(8)", "UInt64 CODEC(T64, ", "UInt64 CODEC(").Replace(codecs[0])
	require.NotEqual(t, codecs[0], before)
	exec(t, conn, before)
	insert("1")
	rows, old := read("call_reports")
	require.EqualValues(t, 3000, rows)
	exec(t, conn, codecs[0])
	_, still := read("call_reports")
	require.Equal(t, old, still, "parts of before")
	exec(t, conn, "OPTIMIZE TABLE call_reports FINAL")
	_, merged := read("call_reports")
	require.Equal(t, old, merged, "written again with the new codecs")
	insert("2")
	exec(t, conn, "CREATE TABLE copy ENGINE = Memory AS SELECT * FROM call_reports FINAL")
	exec(t, conn, "OPTIMIZE TABLE call_reports FINAL")
	rows, sum := read("call_reports")
	require.EqualValues(t, 3000, rows)
	copied, plain := read("copy")
	require.Equal(t, rows, copied)
	require.Equal(t, plain, sum)
	require.NoError(t, schema.Verify(t.Context(), url, schema.DefaultOptions()))
}

// The same of rollups: money of 128 bits at both ends of its range, without a common divisor, negative and zero.
func TestRollupsOfBeforeANewCodec(t *testing.T) {
	url, _ := freshURL(t)
	_, err := schema.Apply(t.Context(), url, schema.DefaultOptions())
	require.NoError(t, err)
	conn := open(t, url)
	all, err := schema.Migrations()
	require.NoError(t, err)
	var codecs []string
	for _, m := range all {
		if strings.HasSuffix(m.String(), "_codecs_of_rollups") {
			codecs, err = m.Render(strings.TrimSuffix(url[strings.LastIndex(url, "/")+1:], "/"), schema.DefaultOptions())
			require.NoError(t, err)
		}
	}
	require.Len(t, codecs, 3, "minutes, hours and days")
	for i, table := range []string{"cost_minute", "cost_hour", "cost_day"} {
		require.Contains(t, codecs[i], table)
		const rows = ` (window, n, worker, tenant, calls, fresh_input, cost, cost_input, list_cost, tier_saved)
			SELECT toDateTime('2026-11-20 12:00:00', 'UTC') + 60 * (number % 7), 1 + number % 3, sipHash64(number % 2), toString(number), number, sipHash64(number),
				[toDecimal128('99999999999999999999999999.999999999999', 12), toDecimal128('-99999999999999999999999999.999999999999', 12), toDecimal128('0.000000000001', 12), 0][number % 4 + 1],
				toDecimal128(number, 12) * toDecimal128('0.0000025', 12), -toDecimal128(number, 12) / 1000000, toDecimal128(sipHash64(number), 12) / 1000000007
			FROM numbers(20000)`
		read := func(from string) (n, sum uint64) {
			require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(), sum(cityHash64(*)) FROM "+from).Scan(&n, &sum))
			return n, sum
		}
		exec(t, conn, "CREATE TABLE plain_"+table+" AS "+table+" ENGINE = Memory")
		exec(t, conn, "INSERT INTO plain_"+table+rows)
		want, sum := read("plain_" + table)
		require.EqualValues(t, 20000, want)
		exec(t, conn, strings.NewReplacer("GCD, LZ4", "ZSTD(1)", "T64, LZ4", "T64, ZSTD(1)", "Delta(8), LZ4", "ZSTD(1)").Replace(codecs[i]))
		exec(t, conn, "INSERT INTO "+table+rows)
		_, old := read(table)
		require.Equal(t, sum, old)
		exec(t, conn, codecs[i])
		exec(t, conn, "OPTIMIZE TABLE "+table+" FINAL")
		n, merged := read(table)
		require.Equal(t, want, n)
		require.Equal(t, sum, merged, "written again with the new codecs")
	}
}
