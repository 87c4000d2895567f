-- Little's law: calls in flight = rate × mean duration. The mean is that of the histogram's bucket middles.
SELECT if(sum(n) = 0, NULL, sum(seconds) / 300) AS value
FROM
(
    SELECT calls AS n, arraySum((b, k) -> $bucket_middle(b) * k, mapKeys(latency), mapValues(latency)) AS seconds
    FROM spend_minute(from = toStartOfMinute(now('UTC')) - INTERVAL 5 MINUTE, to = toStartOfMinute(now('UTC')))
)
