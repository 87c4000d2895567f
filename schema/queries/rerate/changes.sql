-- What a run changed, by month, tenant and model.
SELECT toStartOfMonth(hour) AS month, toString(tenant) AS tenant_, toString(provider) AS provider_, toString(model) AS model_,
    sum(calls) AS calls_, sum(changed) AS changed_, sum(unpriced) AS unpriced_, toString(sum(before)) AS before_, toString(sum(after)) AS after_
FROM (SELECT * FROM rerate_changes FINAL WHERE run = {run:UUID})
GROUP BY month, tenant_, provider_, model_
ORDER BY month, tenant_, provider_, model_
