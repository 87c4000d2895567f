SELECT
    job,
    process,
    last_success AS `last success`,
    duration_ms / 1000 AS took,
    runs,
    failures,
    backlog,
    multiIf(failing > 0, concat('failing: ', error), running_since < now64(3) - INTERVAL 10 MINUTE, 'hangs', at < now64(3) - INTERVAL 2 MINUTE, 'gone', '') AS note
FROM job_runs FINAL
WHERE at > now64(3) - INTERVAL 1 HOUR
ORDER BY note = '', job, process
