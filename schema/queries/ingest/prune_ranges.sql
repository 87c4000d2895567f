-- Ranges that a checkpoint stands for, a day after they were written.
DELETE FROM ingest_ranges
WHERE topic = {topic:String} AND topic_id = {topic_id:UUID} AND partition = {partition:Int32}
  AND kind = 'range' AND next <= {next:Int64} AND at < now64(3) - INTERVAL 1 DAY
