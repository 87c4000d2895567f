SELECT
    tenant,
    sum(cost) AS spend,
    toFloat64(spend) / nullIf(toFloat64(sum(spend) OVER ()), 0) * 100 AS share,
    sum(s.calls) AS calls,
    toFloat64(spend) / calls * 1000 AS `per 1,000 calls`,
    sum(fresh_input + cache_read + cache_write_5m + cache_write_1h + audio_input + image_input) AS `input tokens`,
    sum(cache_read) AS `cached tokens`,
    sum(text_output + reasoning + audio_output) AS `output tokens`,
    sum(unpriced_calls) AS `unpriced calls`,
    hex(tenant) AS id
FROM spend(from = toDateTime($__fromTime, 'UTC'), to = toDateTime($__toTime, 'UTC')) AS s
GROUP BY tenant
ORDER BY spend DESC, tenant
