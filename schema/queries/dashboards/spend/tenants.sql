-- The range, the range of the same length before it, and monthly budgets with what was spent of them this month.
SELECT
    tenant,
    sum(cost) AS spend,
    if(unpriced > 0, 'at least', '') AS note,
    toFloat64(spend) / nullIf(toFloat64(sum(spend) OVER ()), 0) * 100 AS share,
    spend - sum(before) AS change,
    toFloat64(change) / nullIf(toFloat64(sum(before)), 0) * 100 AS `change %`,
    sum(n) AS calls,
    toFloat64(spend) / nullIf(calls, 0) * 1000 AS `per 1,000 calls`,
    toFloat64(spend) / nullIf(sum(fresh + cached + written + media + told + thought), 0) * 1000000 AS `per million tokens`,
    sum(fresh) AS `fresh input`,
    sum(cached) AS `cache reads`,
    sum(written) AS `cache writes`,
    sum(media) AS `audio and image`,
    sum(told) AS output,
    sum(thought) AS reasoning,
    toFloat64(sum(this_month)) / nullIf(toFloat64(any(amount)), 0) * 100 AS `budget %`,
    sum(unpriced_calls) AS unpriced,
    hex(tenant) AS id
FROM
(
    SELECT toString(tenant) AS tenant, cost, calls AS n, fresh_input AS fresh, cache_read AS cached, cache_write_5m + cache_write_1h AS written,
        audio_input + image_input + audio_output AS media, text_output AS told, reasoning AS thought, unpriced_calls, toDecimal128(0, 12) AS before, toDecimal128(0, 12) AS this_month
    FROM spend(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC'))
    UNION ALL
    SELECT toString(tenant), 0, 0, 0, 0, 0, 0, 0, 0, 0, cost, 0
    FROM spend(from = toDateTime($__fromTime, 'UTC') - toIntervalSecond(dateDiff('second', toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC'))), to = toDateTime($__fromTime, 'UTC'))
    UNION ALL
    SELECT toString(tenant), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, cost
    FROM spend(from = toDateTime(toStartOfMonth(now('UTC')), 'UTC'), to = now('UTC') + INTERVAL 1 HOUR)
    WHERE tenant IN (SELECT toString(tenant) FROM budgets_now WHERE period = 'month' AND empty(scope))
) AS s
LEFT JOIN
(
    SELECT toString(tenant) AS tenant, sum(amount) AS amount FROM budgets_now WHERE period = 'month' AND empty(scope) GROUP BY tenant
) AS b USING (tenant)
GROUP BY tenant
HAVING calls > 0 OR sum(before) != 0
ORDER BY spend DESC, tenant
