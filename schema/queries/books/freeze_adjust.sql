INSERT INTO adjustments (id, booked, original, tenant, provider, model, kind, cost, calls, author, reason, evidence, at, window, n, worker, run)
SELECT reinterpretAsUUID(sipHash128(a.window, toString(a.tenant), toString(a.provider), toString(a.model), a.booked, a.run, f.n, {worker:UInt64})),
    a.booked, a.original, a.tenant, a.provider, a.model, a.kind, a.cost, a.calls, a.author, a.reason, a.evidence, a.at, a.window, f.n, {worker:UInt64}, a.run
FROM
(
    SELECT * FROM adjustments
    WHERE n > 0 AND (window, n, worker) IN
        (SELECT window, (max((n, worker)) AS newest).1, newest.2 FROM adjust_revisions WHERE committed = 1 GROUP BY window)
) AS a
INNER JOIN (SELECT window, n FROM adjust_revisions WHERE worker = {worker:UInt64} AND committed = 0) AS f ON a.window = f.window
