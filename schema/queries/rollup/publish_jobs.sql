INSERT INTO job_runs (job, process, running_since, last_run, last_success, duration_ms, runs, failures, failing, backlog, error, next_run)
