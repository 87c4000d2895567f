-- What is left of the monthly budgets at the rate of the last seven days; less if calls have no price.
SELECT multiIf(count() = 0, if((SELECT count() FROM budget_states_now) = 0, 'not reported', 'no budget'), sum(amount) <= sum(spent), 'used up', sum(week) = 0, 'no spend in seven days',
    concat(if(max(at_least) = 1, 'at most ', ''), toString(round(toFloat64(sum(amount) - sum(spent)) / toFloat64(sum(week)) * 7, 1)), ' days')) AS value
FROM budget_states_now
WHERE period = 'month' AND empty(scope) AND name != '' AND tenant = unhex(${tenant:singlequote})
