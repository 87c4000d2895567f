-- The nine largest of the range by name, the rest as one.
SELECT time, if(place <= 9, name, 'other') AS series, sum(weight) / $step AS rate
FROM
(
    SELECT *, dense_rank() OVER (ORDER BY whole DESC, name) AS place
    FROM
    (
        SELECT *, sum(weight) OVER (PARTITION BY name) AS whole
        FROM
        (
            SELECT toStartOfInterval(window, toIntervalSecond($step)) AS time, toString(model) AS name, sum(s.calls) AS weight
            FROM $by_model_steps(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC'), $step) AS s
            GROUP BY time, model
        )
    )
)
GROUP BY time, series
ORDER BY time, series
