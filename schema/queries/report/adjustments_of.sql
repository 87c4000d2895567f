-- What was booked for the calls of a month of one provider, whenever it was booked.
SELECT
    toString(id), booked, original, tenant, provider, model, kind, toString(cost), calls, author, reason, evidence
FROM adjustments_now
WHERE toStartOfMonth(original) = {month:Date} AND provider IN {providers:Array(String)}
ORDER BY booked, tenant, kind, provider, model, id
