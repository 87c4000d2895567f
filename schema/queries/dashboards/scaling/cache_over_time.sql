-- The nine busiest models of the range, the rest as one.
SELECT time, if(place <= 9, name, 'other') AS series, sum(cached) / nullIf(sum(input), 0) * 100 AS `hits %`
FROM
(
    SELECT *, dense_rank() OVER (ORDER BY whole DESC, name) AS place
    FROM
    (
        SELECT *, sum(weight) OVER (PARTITION BY name) AS whole
        FROM
        (
            SELECT toStartOfInterval(window, toIntervalSecond($step)) AS time, toString(model) AS name, sum(s.calls) AS weight,
                sum(cache_read) AS cached, sum(fresh_input + cache_read + cache_write_5m + cache_write_1h) AS input
            FROM $by_model_steps(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC'), $step) AS s
            GROUP BY time, model
        )
    )
)
GROUP BY time, series
ORDER BY time, series
