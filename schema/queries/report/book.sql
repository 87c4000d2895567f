INSERT INTO adjustments (id, booked, original, tenant, provider, model, kind, cost, calls, author, reason, evidence)
