-- Of whole hours: from the hour in which the range begins. The hundred dearest values; the rest, and what a day had cut off
-- already, are one row.
SELECT
    multiIf(place > 100 OR cut > 0, 'other', value = '', '(none)', value) AS `$__arg`,
    sum(cost) AS spend,
    toFloat64(spend) / nullIf(toFloat64(sum(spend) OVER ()), 0) * 100 AS share,
    sum(n) AS calls,
    sum(failed) / nullIf(calls, 0) * 100 AS `errors %`,
    sum(input) AS `input tokens`,
    sum(output) AS `output tokens`,
    toFloat64(spend) / nullIf(calls, 0) * 1000 AS `per 1,000 calls`,
    if(sum(unpriced) > 0, 'at least', '') AS note
FROM
(
    SELECT value, cut > 0 AS cut, sum(s.cost) AS cost, sum(s.calls) AS n, sum(s.errors) AS failed, sum(s.input) AS input, sum(s.output) AS output, sum(unpriced_calls) AS unpriced,
        row_number() OVER (ORDER BY cost DESC, value) AS place
    FROM $spend_by(toStartOfHour(toDateTime($__fromTime, 'UTC')), toDateTime($__toTime, 'UTC')) AS s
    WHERE tenant = unhex(${tenant:singlequote}) AND dimension = '$__arg'
    GROUP BY value, cut
)
GROUP BY `$__arg`
ORDER BY `$__arg` = 'other', spend DESC, `$__arg`
