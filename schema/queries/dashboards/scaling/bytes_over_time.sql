SELECT
    toStartOfInterval(window, toIntervalSecond($step)) AS time,
    nullIf(sum(request_bytes), 0) AS `request bodies`,
    nullIf(sum(response_bytes), 0) AS `response bodies`
FROM $by_model_steps(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC'), $step)
GROUP BY time
ORDER BY time
