SELECT
    provider,
    model,
    sum(cost) AS spend,
    if(sum(unpriced_calls) > 0, 'at least', '') AS note,
    toFloat64(spend) / nullIf(toFloat64(sum(spend) OVER ()), 0) * 100 AS share,
    sum(s.calls) AS calls,
    toFloat64(spend) / nullIf(sum(fresh_input + cache_read + cache_write_5m + cache_write_1h + audio_input + image_input
        + text_output + reasoning + audio_output), 0) * 1000000 AS `per million tokens`,
    sum(s.errors) / calls * 100 AS errors,
    sum(unpriced_calls) AS `unpriced calls`
FROM $by_model(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC')) AS s
GROUP BY provider, model
ORDER BY spend DESC, provider, model
