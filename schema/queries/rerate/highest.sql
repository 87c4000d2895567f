SELECT max(number) FROM rerate_runs
