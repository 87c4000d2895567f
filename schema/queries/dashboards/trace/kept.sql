SELECT if(count() = 0, 'none: only its calls are kept', concat(toString(count()), ', kept because of: ', arrayStringConcat(arraySort(groupUniqArray(toString(kept))), ', '))) AS value
FROM spans FINAL
WHERE minute >= toDateTime($__fromTime, 'UTC') AND minute < toDateTime($__toTime, 'UTC') AND trace_id = $trace
