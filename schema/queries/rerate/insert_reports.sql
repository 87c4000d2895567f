INSERT INTO rerate_reports (run, minute, tenant, trace_id, span_id, base, version, usage, cost, list_delta, cache_saved, tier_saved, price_version, price_entry, unpriced, flags)
