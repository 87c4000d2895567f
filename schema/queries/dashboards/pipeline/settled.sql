SELECT reason, count() AS reports, uniq(winner_trace_id, winner_span_id) AS `stand for them`
FROM settlements FINAL
WHERE loses = 1 AND minute >= toDateTime($__fromTime, 'UTC') AND minute < toDateTime($__toTime, 'UTC')
GROUP BY reason
ORDER BY reports DESC, reason
