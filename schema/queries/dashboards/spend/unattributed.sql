SELECT $spent AS spend
FROM $spend(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC'))
WHERE tenant = 'unattributed'
