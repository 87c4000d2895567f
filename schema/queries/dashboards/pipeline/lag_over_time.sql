SELECT time, stream AS series, max(waiting) AS records
FROM
(
    SELECT toStartOfInterval(seen, INTERVAL $__interval_s second) AS time, seen AS moment, labels['stream'] AS stream, sum(value) AS waiting
    FROM process_metrics
    WHERE name = 'tollkeeper_ingest_lag' AND seen >= toDateTime($__fromTime, 'UTC') AND seen < toDateTime($__toTime, 'UTC')
    GROUP BY time, moment, stream
)
GROUP BY time, series
ORDER BY time, series
