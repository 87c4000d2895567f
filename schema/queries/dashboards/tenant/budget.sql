-- Monthly budgets of whole tenants, each in the month of its own time zone.
SELECT multiIf(count() = 0, if((SELECT count() FROM budget_states_now) = 0, 'not reported', 'no budget'), concat(if(max(at_least) = 1, 'at least ', ''),
    toString(toUInt64(floor(toFloat64(sum(spent)) / toFloat64(sum(amount)) * 100))), ' % of ', $usd(sum(amount)))) AS value
FROM budget_states_now
WHERE period = 'month' AND empty(scope) AND name != '' AND tenant = unhex(${tenant:singlequote})
