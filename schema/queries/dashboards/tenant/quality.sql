SELECT concat(toString(sum(unpriced_calls)), ' unpriced, ', toString(sum(flagged_calls)), ' flagged, ', toString(sum(estimated_calls)), ' estimated') AS value
FROM $by_tenant(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC'))
WHERE tenant = unhex(${tenant:singlequote})
