INSERT INTO day_seals (day, n, worker, tenant, calls, cost, adjusted_calls, adjusted, ledger_calls, ledger_cost, reports, hours_digest, day_digest, at)
