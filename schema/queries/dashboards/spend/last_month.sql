SELECT concat($spent, if((SELECT max(state = 'closed') FROM periods_now WHERE month = toStartOfMonth(toDate(now('UTC') - INTERVAL 1 MONTH))) = 1, ', final', ', not closed yet')) AS spend
FROM $by_model(toDateTime(toStartOfMonth(now('UTC') - INTERVAL 1 MONTH), 'UTC'), toDateTime(toStartOfMonth(now('UTC')), 'UTC'))
