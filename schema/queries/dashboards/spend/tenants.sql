-- The range, the range of the same length before it, and how much of its monthly budgets a tenant has used, as the budgets' state
-- says (in the budget's time zone, as of half a minute ago). One level of sums: over another one each of them would be planned anew (docs/adr/0050-what-a-row-costs.md).
WITH
    (
        SELECT CAST(groupArray((tenant, used)), 'Map(String, Nullable(Float64))')
        FROM
        (
            SELECT toString(tenant) AS tenant, toFloat64(sum(spent)) / nullIf(toFloat64(sum(amount)), 0) * 100 AS used
            FROM budget_states_now
            WHERE period = 'month' AND empty(scope) AND name != ''
            GROUP BY tenant
        )
    ) AS budgets,
    window >= toDateTime($__fromTime, 'UTC') AS recent
SELECT
    toString(c.tenant) AS `tenant`,
    sumIf(c.cost, recent) AS spend,
    if(sumIf(c.unpriced_calls, recent) > 0, 'at least', '') AS note,
    toFloat64(spend) / nullIf(toFloat64(sum(spend) OVER ()), 0) * 100 AS share,
    spend - sumIf(c.cost, NOT recent) AS change,
    toFloat64(change) / nullIf(toFloat64(spend - change), 0) * 100 AS `change %`,
    budgets[CAST(c.tenant, 'String')] AS `budget %`,
    sumIf(c.calls, recent) AS calls,
    toFloat64(spend) / nullIf(calls, 0) * 1000 AS `per 1,000 calls`,
    toFloat64(spend) / nullIf(`fresh input` + `cache reads` + `cache writes` + `audio and image` + output + reasoning, 0) * 1000000 AS `per million tokens`,
    sumIf(c.fresh_input, recent) AS `fresh input`,
    sumIf(c.cache_read, recent) AS `cache reads`,
    sumIf(c.cache_write_5m + c.cache_write_1h, recent) AS `cache writes`,
    sumIf(c.audio_input + c.image_input + c.audio_output, recent) AS `audio and image`,
    sumIf(c.text_output, recent) AS output,
    sumIf(c.reasoning, recent) AS reasoning,
    sumIf(c.unpriced_calls, recent) AS unpriced,
    hex(c.tenant) AS id
FROM $by_tenant_cut(toDateTime($__fromTime, 'UTC') - ($__toTime - $__fromTime), toDateTime($__toTime, 'UTC'), toDateTime($__fromTime, 'UTC')) AS c
GROUP BY c.tenant
HAVING calls > 0 OR spend != change
ORDER BY spend DESC, tenant
