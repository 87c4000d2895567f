-- From a call's end to the collector's receipt: what instrumentations hold back. Of the newest minute with calls
-- in each quarter of an hour, since this reads calls; of the last six hours at most.
SELECT
    toStartOfInterval(minute, toIntervalSecond(greatest($step, 900))) AS time,
    quantile(0.5)(late) AS p50,
    quantile(0.95)(late) AS p95,
    quantile(0.99)(late) AS p99
FROM
(
    SELECT minute, greatest(toUnixTimestamp64Milli(received) - intDiv(toUnixTimestamp64Nano(start) + duration_ns, 1000000), 0) / 1000 AS late
    FROM $calls(greatest(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC') - INTERVAL 6 HOUR), toDateTime($__toTime, 'UTC'), minute IN
    (
        SELECT max(window)
        FROM window_revisions
        WHERE level = 'minute' AND committed = 1 AND rows > 0
          AND window >= toDateTime($__toTime, 'UTC') - INTERVAL 6 HOUR AND window < toDateTime($__toTime, 'UTC')
        GROUP BY toStartOfInterval(window, toIntervalSecond(greatest($step, 900)))
    ))
)
GROUP BY time
ORDER BY time
