SELECT sum(calls) AS value FROM $by_model(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC'))
