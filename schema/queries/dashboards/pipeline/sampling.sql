SELECT
    kept AS reason,
    count() AS spans,
    uniq(trace_id) AS traces,
    avg(sample_probability) AS `mean probability`,
    sum(1 / nullIf(sample_probability, 0)) AS `stand for spans`
FROM spans
WHERE minute >= toDateTime($__fromTime, 'UTC') AND minute < toDateTime($__toTime, 'UTC')
GROUP BY reason
ORDER BY spans DESC, reason
