-- Up to the same day and time of last month as now; shorter months end at their end.
SELECT concat(if(sum(unpriced_calls) > 0, 'at least ', ''), '$', toString(round(sum(cost), if(sum(cost) < 1, 4, 2)))) AS spend
FROM spend(from = toDateTime(toStartOfMonth(now('UTC') - INTERVAL 1 MONTH), 'UTC'), to = now('UTC') - INTERVAL 1 MONTH)
