package schema

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDefaultOptionsAreValid(t *testing.T) {
	opts := DefaultOptions()
	require.NoError(t, opts.Validate())
}

func TestValidateReportsAllAtOnce(t *testing.T) {
	opts := DefaultOptions()
	opts.Policy = "a'b"
	opts.Retention.Reports = Class{WarmAfterDays: 5, ColdAfterDays: 5, KeepDays: 60}
	opts.Retention.Spans.KeepDays = -1
	opts.Retention.Spans.ColdZSTD = 23
	opts.Retention.Hour.ColdZSTD = 3
	opts.Retention.Minute.KeepDays = 7
	opts.Retention.CloseAfterDays = 10
	err := opts.Validate()
	require.Error(t, err)
	for _, part := range []string{
		`policy: "a'b"`, "retention.reports.cold_after_days: 5", "retention.reports.keep_days: 60", "at least 76",
		"retention.spans.keep_days: -1", "retention.spans.cold_zstd: 23", "retention.hour.cold_zstd: 3", "retention.minute.keep_days: 7",
	} {
		require.ErrorContains(t, err, part)
	}
	require.GreaterOrEqual(t, strings.Count(err.Error(), "\n"), 4)
}

func TestReportsOutliveTheCloseOfTheirPeriod(t *testing.T) {
	opts := DefaultOptions()
	opts.Retention.CloseAfterDays = 20
	opts.Retention.Reports.KeepDays = 31 + 20 + 35
	require.NoError(t, opts.Validate())
	opts.Retention.Reports.KeepDays--
	require.ErrorContains(t, opts.Validate(), "retention.reports.keep_days")
	opts.Retention.Reports.KeepDays = 0
	require.NoError(t, opts.Validate())
}

func TestTTL(t *testing.T) {
	c := Class{WarmAfterDays: 3, ColdAfterDays: 30, KeepDays: 400}
	require.Equal(t, "TTL minute + INTERVAL 3 DAY TO VOLUME 'warm', minute + INTERVAL 30 DAY TO VOLUME 'cold', minute + INTERVAL 400 DAY DELETE",
		c.ttl("reports", "minute", true))
	require.Equal(t, "TTL minute + INTERVAL 400 DAY DELETE", c.ttl("reports", "minute", false))
	c.ColdZSTD = 12
	require.Equal(t, "TTL minute RECOMPRESS CODEC(ZSTD(1)), minute + INTERVAL 3 DAY TO VOLUME 'warm', minute + INTERVAL 29 DAY RECOMPRESS CODEC(ZSTD(12)), "+
		"minute + INTERVAL 30 DAY TO VOLUME 'cold', minute + INTERVAL 400 DAY DELETE", c.ttl("spans", "minute", true))
	require.Equal(t, "TTL minute RECOMPRESS CODEC(ZSTD(1)), minute + INTERVAL 400 DAY DELETE", c.ttl("spans", "minute", false))
	require.Equal(t, "", Class{WarmAfterDays: 3}.ttl("reports", "minute", false))
}

func TestCheckVersion(t *testing.T) {
	for v, ok := range map[string]bool{"26.5.1.1": true, "26.2.1.1": true, "27.1": true, "26.1.9.9": false, "25.8.2.1": false, "?": false, "": false} {
		err := checkVersion(v)
		require.Equal(t, ok, err == nil, v)
		if err != nil {
			require.ErrorContains(t, err, "26.2")
		}
	}
}
