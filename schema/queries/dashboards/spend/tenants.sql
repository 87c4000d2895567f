-- The range, the range of the same length before it, and how much of its monthly budgets a tenant has used, as the budgets' state
-- says (in the budget's time zone, as of half a minute ago).
SELECT
    s.tenant AS tenant,
    sumIf(cost, recent) AS spend,
    if(sumIf(unpriced_, recent) > 0, 'at least', '') AS note,
    toFloat64(spend) / nullIf(toFloat64(sum(spend) OVER ()), 0) * 100 AS share,
    spend - sumIf(cost, NOT recent) AS change,
    toFloat64(change) / nullIf(toFloat64(sumIf(cost, NOT recent)), 0) * 100 AS `change %`,
    any(b.used) AS `budget %`,
    sumIf(n, recent) AS calls,
    toFloat64(spend) / nullIf(calls, 0) * 1000 AS `per 1,000 calls`,
    toFloat64(spend) / nullIf(sumIf(fresh + cached + written + media + told + thought, recent), 0) * 1000000 AS `per million tokens`,
    sumIf(fresh, recent) AS `fresh input`,
    sumIf(cached, recent) AS `cache reads`,
    sumIf(written, recent) AS `cache writes`,
    sumIf(media, recent) AS `audio and image`,
    sumIf(told, recent) AS output,
    sumIf(thought, recent) AS reasoning,
    sumIf(unpriced_, recent) AS unpriced,
    hex(tenant) AS id
FROM
(
    SELECT toString(c.tenant) AS tenant, window >= toDateTime($__fromTime, 'UTC') AS recent, sum(c.cost) AS cost, sum(c.calls) AS n, sum(fresh_input) AS fresh, sum(cache_read) AS cached,
        sum(cache_write_5m) + sum(cache_write_1h) AS written, sum(audio_input) + sum(image_input) + sum(audio_output) AS media, sum(text_output) AS told, sum(reasoning) AS thought,
        sum(unpriced_calls) AS unpriced_
    FROM $spend_cut(toDateTime($__fromTime, 'UTC') - toIntervalSecond(dateDiff('second', toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC'))), toDateTime($__toTime, 'UTC'),
        toDateTime($__fromTime, 'UTC')) AS c
    GROUP BY c.tenant, recent
) AS s
LEFT JOIN
(
    SELECT toString(tenant) AS tenant, toFloat64(sum(spent)) / nullIf(toFloat64(sum(amount)), 0) * 100 AS used
    FROM budget_states_now
    WHERE period = 'month' AND empty(scope) AND name != ''
    GROUP BY tenant
) AS b ON b.tenant = s.tenant
GROUP BY tenant
HAVING calls > 0 OR sumIf(cost, NOT recent) != 0
ORDER BY spend DESC, tenant
