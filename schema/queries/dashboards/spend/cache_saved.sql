SELECT sum(cache_saved) AS value FROM $by_model(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC'))
