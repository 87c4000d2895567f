SELECT sum(flagged_calls) AS value FROM $spend(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC'))
