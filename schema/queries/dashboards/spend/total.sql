SELECT $spent AS spend
FROM $by_model(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC'))
