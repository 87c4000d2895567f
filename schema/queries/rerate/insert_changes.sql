INSERT INTO rerate_changes (run, hour, tenant, provider, model, calls, changed, unpriced, before, after, books)
