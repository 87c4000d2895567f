-- From a call's end to the collector's receipt: what instrumentations hold back. Of one minute in each quarter
-- of an hour, since this reads calls; of the last six hours at most.
SELECT
    toStartOfInterval(minute, toIntervalSecond(greatest($step, 900))) AS time,
    quantile(0.5)(late) AS p50,
    quantile(0.95)(late) AS p95,
    quantile(0.99)(late) AS p99
FROM
(
    SELECT minute, greatest(toUnixTimestamp64Milli(received) - intDiv(toUnixTimestamp64Nano(start) + duration_ns, 1000000), 0) / 1000 AS late
    FROM calls(from = greatest(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC') - INTERVAL 6 HOUR), to = toDateTime($__toTime, 'UTC'))
    WHERE minute IN
    (
        SELECT max(at)
        FROM (SELECT toStartOfMinute(toDateTime($__toTime, 'UTC')) - toIntervalMinute(number) AS at FROM numbers(1, 360))
        GROUP BY toStartOfInterval(at, toIntervalSecond(greatest($step, 900)))
    )
)
GROUP BY time
ORDER BY time
