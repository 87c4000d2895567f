SELECT team, user, agent, feature, sum(cost) AS spend, count() AS calls, countIf(unpriced != '') AS `unpriced calls`
FROM calls(from = greatest(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC') - INTERVAL 1 DAY), to = toDateTime($__toTime, 'UTC'))
WHERE tenant = unhex(${tenant:singlequote})
GROUP BY team, user, agent, feature
ORDER BY spend DESC, team, user, agent, feature
LIMIT 50
