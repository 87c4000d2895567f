SELECT
    provider,
    model,
    n AS calls,
    n / greatest(dateDiff('second', toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC')), 1) AS `calls a second`,
    told[1][1] AS p50,
    told[1][2] AS p95,
    told[1][3] AS p99,
    told[2][1] AS `first token p50`,
    told[2][2] AS `first token p95`,
    told[2][3] AS `first token p99`,
    failed / n * 100 AS `errors %`,
    streamed / n * 100 AS `streamed %`,
    if(input = 0, NULL, cached / input * 100) AS `cache hits %`
FROM
(
    SELECT provider, model, sum(s.calls) AS n, sum(s.errors) AS failed, sum(streamed_calls) AS streamed, sum(cache_read) AS cached,
        sum(fresh_input + cache_read + cache_write_5m + cache_write_1h) AS input, $quantiles(sumMap(latency), sumMap(first_token)) AS told
    FROM $by_model(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC')) AS s
    GROUP BY provider, model
)
ORDER BY n DESC, provider, model
LIMIT 200
