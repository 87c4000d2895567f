package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/rollup"
)

func TestRollupStatusNamesWhatHangs(t *testing.T) {
	now := time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) *time.Time { at := now.Add(-d); return &at }
	status := func(jobs ...rollup.JobStatus) (string, error) {
		var out strings.Builder
		err := writeJobs(&out, jobs, now, false)
		return out.String(), err
	}
	minute := rollup.JobStatus{Job: "minute", Process: "here/1", RunningSince: ago(11 * time.Minute), At: now}
	hour := rollup.JobStatus{Job: "hour", Process: "here/1", RunningSince: ago(time.Minute), LastRun: ago(2 * time.Minute), At: now}
	out, err := status(minute, hour)
	require.EqualError(t, err, "1 jobs fail or hang")
	require.Regexp(t, `(?m)^minute +HANGS for 11m0s `, out)
	require.Regexp(t, `(?m)^hour +running `, out)
	out, err = status(hour)
	require.NoError(t, err)
	require.NotContains(t, out, "HANGS")

	minute.At = now.Add(-2 * time.Minute)
	_, err = status(minute)
	require.ErrorContains(t, err, "no rollup has said anything")

	var text strings.Builder
	minute.At = now
	require.EqualError(t, writeJobs(&text, []rollup.JobStatus{minute, hour}, now, true), "1 jobs fail or hang", "scripts ask for JSON and look at the exit code")
	require.Contains(t, text.String(), `"State":"hanging"`)
	require.Contains(t, text.String(), `"State":"running"`)
	hour.Failing, hour.Error = 2, "no memory"
	_, err = status(hour)
	require.EqualError(t, err, "1 jobs fail or hang")
	minute.At = now.Add(-2 * time.Minute)
	require.ErrorContains(t, writeJobs(&text, []rollup.JobStatus{minute}, now, true), "no rollup has said anything")
	require.Contains(t, text.String(), `"State":"gone"`)
}
