-- The rollup role's jobs as their processes last said, newest first within a job.
SELECT job, process, running_since, last_run, last_success, duration_ms, runs, failures, failing, backlog, error, next_run, at
FROM job_runs FINAL
WHERE at > now64(3) - INTERVAL 1 DAY
ORDER BY job, at DESC
