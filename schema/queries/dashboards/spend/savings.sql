-- What was saved is exact; what was left on the table is an estimate: had every tenant's share of cached input been the best
-- that a tenant with 100 calls or more had with the same model, at the mean prices that were paid.
SELECT line.1 AS kind, line.2 AS saved, line.3 AS `left on the table`, line.4 AS how
FROM
(
    SELECT arrayJoin([
        ('prompt caches', toNullable(sum(saved)), toNullable(toDecimal128(sum(greatest(ifNull((most - hits) * input * (fresh_price - paid), 0), 0)), 12)), 'estimate: every tenant as good as the best with the same model'),
        ('cache writes that did not pay', NULL, toNullable(sum(greatest(-saved, toDecimal128(0, 12)))), 'exact: writes cost more than their reads saved'),
        ('batch, flex and other tiers', toNullable(sum(tiers)), NULL, 'against the standard tier'),
        ('negotiated prices', toNullable(sum(negotiated)), NULL, 'against list prices')]) AS line
    FROM
    (
        SELECT *, maxIf(hits, n >= 100) OVER (PARTITION BY provider, model) AS most, avg(cached_price) OVER (PARTITION BY provider, model) AS paid
        FROM
        (
            SELECT provider, model, tenant, sum(s.calls) AS n, sum(s.cache_saved) AS saved, sum(s.tier_saved) AS tiers, sum(list_cost - s.cost) AS negotiated,
                sum(fresh_input + s.cache_read) AS input, sum(s.cache_read) / nullIf(input, 0) AS hits,
                toFloat64(sum(cost_input)) / nullIf(sum(fresh_input + audio_input + image_input), 0) AS fresh_price,
                toFloat64(sum(cost_cache_read)) / nullIf(sum(s.cache_read), 0) AS cached_price
            FROM $spend(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC')) AS s
            GROUP BY provider, model, tenant
        )
    )
)
